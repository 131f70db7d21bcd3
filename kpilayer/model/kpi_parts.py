"""What KPIs write in few characters: lengths of time, shares, how often."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_SPAN: Final = re.compile(r"\s*([0-9]{1,5})\s*([hdw])\s*")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_TIMES: Final = re.compile(r"\s*([0-9]{1,2})(?:\s+of\s+([0-9]{1,2}))?\s*")


def checked_span(value: Any) -> Any:
    """A length of time: hours, days or weeks.

    Raises:
        PydanticCustomError: `bad-value`, where it is none.

    >>> checked_span("2w")
    '2w'
    """
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value)
    if found is None:
        raise PydanticCustomError(
            "bad-value",
            "`{value}` is not a length of time",
            {"value": value, "hint": "write hours, days or weeks: `24h`, `3d`, `2w`"},
        )
    return f"{int(found[1])}{found[2]}"


def is_span(text: str) -> bool:
    """Whether a text is a length of time.

    >>> is_span("3d"), is_span("soon")
    (True, False)
    """
    return _SPAN.fullmatch(text) is not None


def span_of(text: str) -> timedelta:
    """A checked length of time.

    >>> span_of("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    return timedelta(hours=int(text[:-1]) * _HOURS[text[-1]])


def checked_times(value: Any) -> Any:
    """How often of how many times.

    Raises:
        PydanticCustomError: `bad-value`, where it is none.

    >>> checked_times("2 of 3"), checked_times(1)
    ((2, 3), (1, 1))
    """
    if isinstance(value, tuple | list):
        return value
    found = _TIMES.fullmatch(str(value))
    most = int(found[2] or found[1]) if found is not None else 0
    if found is None or not 1 <= int(found[1]) <= most:
        raise PydanticCustomError(
            "bad-value",
            "`{value}` does not say how often",
            {"value": value, "hint": "write `1`, or `2 of 3` for two of three periods"},
        )
    return int(found[1]), most


def checked_fraction(value: Any) -> Any:
    """A share as a fraction; a text with a percent sign is a hundredth of its number.

    Raises:
        PydanticCustomError: `bad-value`, where it is no number.

    >>> checked_fraction("0.5%")
    0.005
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        hint = "write a fraction or a percentage: `0.005`, `0.5%`"
        message = "`{value}` is not a share"
        raise PydanticCustomError("bad-value", message, {"value": value, "hint": hint}) from None


#: Hours, days or weeks: `3d`.
Span = Annotated[str, BeforeValidator(checked_span)]
#: How often of how many times: `2 of 3`.
Times = Annotated[tuple[int, int], BeforeValidator(checked_times)]
#: A share: `0.5%`, or 0.005.
Fraction = Annotated[float, BeforeValidator(checked_fraction), Field(ge=0)]
