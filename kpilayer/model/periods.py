"""Lengths of time as definitions write them: `28 days`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from kpilayer.grain import FISCAL, GRAINS

_LENGTH: Final = re.compile(r"\s*([0-9]{1,6})\s+([a-zA-Z][a-zA-Z0-9_]*)\s*")


def checked_length(value: Any) -> Any:
    """A length in one spelling, `28 day`: a whole number from 1 up and any grain.

    Raises:
        PydanticCustomError: `bad-value`, where it is none.

    >>> checked_length("28 Days")
    '28 day'
    """
    if not isinstance(value, str):
        return value
    found = _LENGTH.fullmatch(value)
    if found is None or int(found[1]) == 0:
        message = "`{value}` is not a length of time"
        hint = "write a number from 1 up, a space and a grain: `28 days`, `1 month`"
        raise PydanticCustomError("bad-value", message, {"value": value, "hint": hint})
    word = found[2].lower()
    if word not in GRAINS and word.removesuffix("s") in (*GRAINS, *FISCAL):
        word = word.removesuffix("s")
    return f"{int(found[1])} {word}"


def checked_standard_length(value: Any) -> Any:
    """A length whose grain is one of the calendar's own.

    Raises:
        PydanticCustomError: `bad-value`, where it is none.
    """
    length = checked_length(value)
    if isinstance(length, str) and length.split(" ")[1] not in GRAINS:
        message = "`{value}`: `{grain}` is not a grain of the calendar"
        hint = f"grains: {', '.join(GRAINS[GRAINS.index('second') :])}"
        raise PydanticCustomError(
            "bad-value", message, {"value": value, "grain": length.split(" ")[1], "hint": hint}
        )
    return length


#: A length of time in one spelling, `28 day`; its grain may be a custom one.
Length = Annotated[str, BeforeValidator(checked_length)]
#: A length of time in a grain of the calendar.
StandardLength = Annotated[str, BeforeValidator(checked_standard_length)]
