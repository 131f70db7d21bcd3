"""Messages to webhooks: tried again for a while; what fails is told, and changes no verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kpilayer.errors import ConfigError, Issue, listing
from kpilayer.model.alert import Alert

#: Seconds to connect, and to wait for an answer.
_CONNECT, _READ = 5.0, 10.0
_RETRIES: Final = 3
_BACKOFF: Final = 0.5  # seconds before the second try, twice as many before each further one
_LONGEST_WAIT: Final = 10  # seconds, whatever the server asks for
_PASSING: Final = (429, 500, 502, 503, 504)

#: Sends a body to an address; says what went wrong, or nothing.
Send = Callable[[str, Mapping[str, Any]], str | None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the messages of a run."""

    sent: int
    failed: tuple[str, ...]
    """`channel: what went wrong`, each once."""


def addresses(channels: tuple[Alert, ...], environment: Mapping[str, str]) -> dict[str, str]:
    """The address of each channel, from the environment.

    Raises:
        ConfigError: `missing-env-var`, where one is not set or no address of the web.
    """
    missing = [one for one in channels if not _is_address(environment.get(one.url_env, ""))]
    if missing:
        named = listing([one.url_env for one in missing])
        message = f"alerts have no address: {named} must hold one that begins with https://"
        hint = "set it in the environment; it is a secret, and stands in no file"
        raise ConfigError(Issue("missing-env-var", message, hint=hint))
    return {one.name: environment[one.url_env] for one in channels}


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def sender() -> Send:
    """What sends messages, by one pool of connections.

    Raises:
        ConfigError: `missing-driver`.
    """
    try:
        import urllib3
    except ImportError:
        message = "the Python package `urllib3` is not installed"
        issue = Issue("missing-driver", message, hint="pip install 'kpilayer[alerts]'")
        raise ConfigError(issue) from None
    retry = urllib3.Retry(
        total=_RETRIES,
        redirect=0,
        allowed_methods=["POST"],
        status_forcelist=_PASSING,
        backoff_factor=_BACKOFF,
        retry_after_max=_LONGEST_WAIT,
        raise_on_status=False,
        raise_on_redirect=False,
    )
    timeout = urllib3.Timeout(connect=_CONNECT, read=_READ)
    pool = urllib3.PoolManager(retries=retry, timeout=timeout)

    def send(address: str, body: Mapping[str, Any]) -> str | None:
        try:
            answer = pool.request(
                "POST",
                address,
                body=json.dumps(body).encode(),
                headers={"Content-Type": "application/json"},
            )
        except urllib3.exceptions.MaxRetryError as error:
            return _named(error.reason)
        except urllib3.exceptions.HTTPError as error:
            return _named(error)
        return None if 200 <= answer.status < 300 else f"the answer was {answer.status}"

    return send


def _named(error: Exception | None) -> str:
    """What went wrong without the address, which is a secret."""
    words = {
        "ConnectTimeoutError": "nobody answered in time",
        "ReadTimeoutError": "no answer came in time",
        "NameResolutionError": "the name of the server is not known",
        "NewConnectionError": "the server cannot be reached",
        "ProtocolError": "the connection was closed",
        "SSLError": "its certificate is not accepted",
        "LocationParseError": "the address is none",
    }
    return words.get(type(error).__name__, "it could not be sent")
