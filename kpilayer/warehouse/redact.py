"""Texts and settings without their secrets, for everything that people or logs get to see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

HIDDEN: Final = "***"

_SECRET_WORDS: Final = (
    r"pass(?:word|wd|phrase)?|pwd|pat|[a-z_]*(?:password|passwd|passphrase|secret|token|"
    r"private_?key|api_?key|access_?key|credential)[a-z_]*|keyfile_json|client_secret"
)
_SECRET_KEY: Final = re.compile(rf"(?:{_SECRET_WORDS})", re.I)
_IN_URL: Final = re.compile(r"(?<=://)([^/@\s:]*):(\S*)@")
_IN_DSN: Final = re.compile(
    rf"(?<![a-z_])(?P<key>{_SECRET_WORDS})(?P<is>\s*=\s*)(?P<value>'(?:[^'\\]|\\.)*'|[^\s'\"&;,)]+)",
    re.I,
)
# In a setting, unlike in prose, all up to the last `@` or to the next space is the password.
_WHOLE_URL: Final = re.compile(r"(?<=://)[^/@\s:]*:(.*)@")
_TO_SPACE: Final = re.compile(rf"(?<![a-z_])(?:{_SECRET_WORDS})\s*=\s*(?P<value>[^\s'\"]+)", re.I)


def is_secret(key: str) -> bool:
    """Whether the value of a setting with this name is kept from sight.

    >>> is_secret("password"), is_secret("private_key_passphrase"), is_secret("host")
    (True, True, False)
    """
    return _SECRET_KEY.fullmatch(key) is not None


def hide_in_text(text: str) -> str:
    """A text with the passwords of URLs and connection strings replaced.

    >>> hide_in_text("postgresql://ann:s3cret@db/shop?sslpassword=x host=db password='a b'")
    'postgresql://ann:***@db/shop?sslpassword=*** host=db password=***'
    """
    text = _IN_URL.sub(rf"\1:{HIDDEN}@", text)
    return _IN_DSN.sub(rf"\g<key>\g<is>{HIDDEN}", text)


def hidden(value: object, key: str = "") -> object:
    """A setting as it may be shown: secrets replaced, at any depth, also inside strings."""
    if key and is_secret(key) and value not in (None, ""):
        return HIDDEN
    match value:
        case str():
            return scrub(value, {"": value})
        case Mapping():
            return {k: hidden(v, str(k)) for k, v in value.items()}
        case list() | tuple():
            return [hidden(v) for v in value]
        case _:
            return value


def scrub(message: str, settings: Mapping[str, object]) -> str:
    """A driver's message without any secret of the settings that it was called with."""
    for secret in sorted(set(_secrets(settings)), key=len, reverse=True):
        whole_word = len(secret) < 4  # else a password `a` would blank half of every sentence
        pattern = rf"(?<!\w){re.escape(secret)}(?!\w)" if whole_word else re.escape(secret)
        message = re.sub(pattern, HIDDEN, message)
    return hide_in_text(message)


class Settings(Mapping[str, object]):
    """The keys of a profile's output. Reading a key gives its value; ``repr`` hides secrets."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(hidden(self._values))


def _secrets(value: object, key: str = "") -> Iterator[str]:
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from _secrets(inner, str(name) if not is_secret(key) else key)
        case list() | tuple():
            for inner in value:
                yield from _secrets(inner, key)
        case None | bool():
            return
        case _:
            text = str(value)
            if key and is_secret(key):
                yield from (part for part in {text, *text.splitlines()} if part.strip())
            else:
                yield from (m.group(2) for m in _IN_URL.finditer(text) if m.group(2))
                yield from (m.group(1) for m in _WHOLE_URL.finditer(text) if m.group(1).strip())
                yield from (m["value"].strip("'") for m in _IN_DSN.finditer(text))
                yield from (m["value"].strip("'") for m in _TO_SPACE.finditer(text))
