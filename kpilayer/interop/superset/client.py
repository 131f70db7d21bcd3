"""Superset's REST API: a session that is logged in, JSON in and out, problems as issues.

Paths and answers are those of https://superset.apache.org/docs/api (Superset 6.1). No message
holds the password or a token. Problems: ``bi-unreachable``, ``bi-refused``, ``missing-driver``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kpilayer.errors import ConfigError, Issue, WarehouseError
from kpilayer.interop.superset.dataset import Server
from kpilayer.warehouse.connection import missing_driver
from kpilayer.warehouse.redact import scrub

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = 120  # making a dataset waits for the warehouse, which may have to wake up
_SECONDS_TO_CONNECT: Final = 15
_LONGEST: Final = 300  # characters of an answer that are shown
_VERBS: Final = {"GET": "show", "POST": "make", "PUT": "change"}
_ADDRESS: Final = "give the address up to where Superset begins, as https://bi.example.com"
_TOKEN: Final = "check SUPERSET_TOKEN; such tokens last for some minutes only"
_LOGIN: Final = (
    "check SUPERSET_USERNAME and SUPERSET_PASSWORD; where people sign in elsewhere (OAuth, SAML), "
    "give an access token in SUPERSET_TOKEN"
)
_RIGHTS: Final = (
    "the user needs a role that may write datasets, such as Alpha, access to the database, and to "
    "be an owner of datasets that others made"
)


class Superset:
    """A session with a server, until it is closed."""

    def __init__(self, server: Server, *, transport: httpx.BaseTransport | None = None) -> None:
        """Logs in.

        Raises:
            ConfigError: ``bi-unreachable``: the address is none, or nobody is named to log in.
            WarehouseError: ``bi-unreachable``: nothing answers there, or not as Superset does, or
                it does not let this user in; ``missing-driver``: httpx is not installed.
        """
        try:
            import httpx
        except ImportError:
            raise missing_driver("httpx", "kpilayer[superset]") from None
        self.server = server
        self._errors = (httpx.HTTPError, httpx.InvalidURL)
        self._secrets = {"password": server.password, "token": server.token}
        try:
            address = httpx.URL(server.url.rstrip("/"))
            _check(server, address)
            waits = httpx.Timeout(_SECONDS, connect=_SECONDS_TO_CONNECT)
            self._client = httpx.Client(base_url=address, timeout=waits, transport=transport)
        except httpx.InvalidURL as error:
            raise _unusable(f"the address of Superset is none: {error}", _ADDRESS) from None
        except (ImportError, ValueError) as error:  # a proxy in the environment
            message = scrub(f"Superset cannot be asked through the proxy: {error}", self._secrets)
            raise _unusable(message, "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY") from None
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Superset:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session."""
        self._client.close()

    def find(self, path: str, columns: list[str], **equal: str | int) -> list[dict[str, Any]]:
        """The first hundred things of a list whose fields equal what is given; a number is an id.

        Raises:
            WarehouseError: as :meth:`ask`.
        """
        filters = [
            {"col": name, "opr": "rel_o_m" if isinstance(value, int) else "eq", "value": value}
            for name, value in equal.items()
        ]
        asked = json.dumps({"columns": columns, "filters": filters, "page_size": 100})
        found = self.ask("GET", path, params={"q": asked}).get("result")
        if not isinstance(found, list) or not all(isinstance(r, dict) and "id" in r for r in found):
            raise self.stranger(f"a list of `{path}` without ids")
        return found

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        hint: str | None = None,
    ) -> dict[str, Any]:
        """What Superset answers to a request under ``/api/v1/``; a hint for when it refuses.

        Raises:
            WarehouseError: ``bi-refused``, with Superset's reason; ``bi-unreachable``.
        """
        answer = self._send(method, path, body, params)
        status, found = answer.status_code, _json(answer)
        # Flask-JWT-Extended says `msg`, with 422 for a token that it cannot read.
        if status == 401 or (status == 422 and found is not None and "msg" in found):
            why = f"does not take the access token: {_reason(answer, found)}"
            raise self._out(why, _TOKEN if self.server.token else _LOGIN)
        if answer.is_success and found is not None:
            return found
        if answer.is_redirect or answer.is_success or (status == 404 and found is None):
            raise self.stranger(_looks(answer))
        what = f"Superset refuses to {_VERBS[method]} a {path.partition('/')[0]} ({status})"
        why = _reason(answer, found)
        raise self.refused(f"{what}: {why}", _RIGHTS if status == 403 else hint)

    def refused(self, message: str, hint: str | None = None) -> WarehouseError:
        """The error for what Superset does not take or have, without secrets."""
        return WarehouseError(Issue("bi-refused", scrub(message, self._secrets), hint=hint))

    def stranger(self, seen: str) -> WarehouseError:
        """The error for an answer that is not one of Superset's."""
        return self._out(f"does not answer as Superset does: {seen}", _ADDRESS)

    # ------------------------------------------------------------------------------------- private

    def _log_in(self) -> None:
        """A token for every request, and what Flask-WTF wants of writes, over TLS a referrer too.

        https://flask-wtf.readthedocs.io/en/1.2.x/csrf/
        """
        token = self.server.token or self._token()
        self._secrets["access_token"] = token
        self._client.headers["Authorization"] = f"Bearer {token}"
        self._client.headers["Referer"] = str(self._client.base_url)
        proof = self.ask("GET", "security/csrf_token/").get("result")
        if not isinstance(proof, str):
            raise self.stranger("no CSRF token")
        self._client.headers["X-CSRFToken"] = proof

    def _token(self) -> str:
        who = {"username": self.server.username, "password": self.server.password}
        body = {**who, "provider": self.server.provider, "refresh": False}
        answer = self._send("POST", "security/login", body)
        found = _json(answer)
        token = (found or {}).get("access_token")
        if answer.is_success and isinstance(token, str):
            return token
        if found is None or answer.is_success:
            raise self.stranger(_looks(answer))
        said = f"does not let `{self.server.username}` in: {_reason(answer, found)}"
        raise self._out(said, _LOGIN)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self._client.request(method, f"/api/v1/{path}", json=body, params=params)
        except self._errors as error:
            said = str(error) or type(error).__name__
            hint = "check the address, and that Superset runs and can be reached from here"
            if "CERTIFICATE" in said:
                hint = "SSL_CERT_FILE names the file of the certificates to trust"
            raise self._out(f"does not answer: {said}", hint) from None

    def _out(self, message: str, hint: str) -> WarehouseError:
        text = scrub(f"`{self.server.url}` {message}", self._secrets)
        return WarehouseError(Issue("bi-unreachable", text, hint=hint))


def _check(server: Server, address: httpx.URL) -> None:
    if address.scheme not in ("http", "https") or not address.host:
        raise _unusable("the address of Superset is none", _ADDRESS)
    if address.userinfo:
        hint = "leave it out; SUPERSET_USERNAME and SUPERSET_PASSWORD say who asks"
        raise _unusable("the address of Superset holds a user", hint)
    if not server.token and not (server.username and server.password):
        hint = "set SUPERSET_USERNAME and SUPERSET_PASSWORD, or SUPERSET_TOKEN"
        raise _unusable("nothing says who asks Superset", hint)
    if server.token and not (server.token.isascii() and server.token.isprintable()):
        raise _unusable("the access token holds what no token does", "check SUPERSET_TOKEN")


def _unusable(message: str, hint: str) -> ConfigError:
    return ConfigError(Issue("bi-unreachable", message, hint=hint))


def _json(answer: httpx.Response) -> dict[str, Any] | None:
    """The object that an answer holds; None for anything else, such as a page of a proxy."""
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _looks(answer: httpx.Response) -> str:
    """An answer from elsewhere in a few words, without what its address may carry along."""
    if answer.is_redirect:
        leads = urlsplit(str(answer.headers.get("location", "")))
        return f"it leads on to `{leads.scheme}://{leads.hostname}{leads.path}`"
    kind = str(answer.headers.get("content-type", "nothing")).partition(";")[0]
    return f"{answer.status_code} with {kind}"


def _reason(answer: httpx.Response, found: Mapping[str, Any] | None) -> str:
    """What an answer says, in one line: ``message`` or ``msg``, by field or not, or ``errors``."""
    if found is None:
        return answer.reason_phrase or "no reason given"
    errors = found.get("errors")
    said = found.get("message") or found.get("msg")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        extra = errors[0].get("extra")
        fields = extra.get("messages") if isinstance(extra, dict) else None
        said = fields or errors[0].get("message")
    text = " ".join("; ".join(_texts(said)).split()) or "no reason given"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}.."


def _texts(said: object, key: str = "") -> list[str]:
    """The texts inside lists and fields, each after the name of its field."""
    match said:
        case Mapping():
            return [text for name, inner in said.items() for text in _texts(inner, str(name))]
        case list():
            return [text for inner in said for text in _texts(inner, key)]
        case None:
            return []
        case _:
            return [f"{key}: {said}" if key else str(said)]
