"""The rules for names and free text that all definitions share."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kpilayer.calendar import zone_problem
from kpilayer.grain import GRAINS

_NAME: Final = re.compile(r"\A[a-z]((?!__)[a-z0-9_])*[a-z0-9]\Z")
_HANDLE: Final = re.compile(r"\A@?[\w.+-]+([/@][\w.-]+)?\Z", re.ASCII)
_TAKEN: Final = frozenset({*GRAINS, "nanosecond", "metric_time", "mf_internal_uuid"})


class Definition(BaseModel):
    """What people write: a frozen value that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def checked_name(value: Any) -> Any:
    """A name in lower case.

    Raises:
        PydanticCustomError: `bad-name`, where it breaks the rule.
    """
    if not isinstance(value, str):
        return value
    name = value.lower()
    if name in _TAKEN:
        raise PydanticCustomError("bad-name", "`{name}` is a reserved name", {"name": value})
    if not _NAME.match(name):
        rule = "lower-case letters, digits and single underscores, a letter first, two at least"
        raise PydanticCustomError(
            "bad-name", "`{name}` is not a name: {rule}", {"name": value, "rule": rule}
        )
    return name


def checked_zone(value: Any) -> Any:
    """The name of a time zone of the IANA database.

    Raises:
        PydanticCustomError: `bad-value`, where there is no such zone.
    """
    problem = zone_problem(value) if isinstance(value, str) else None
    if problem is not None:
        message, hint = problem
        raise PydanticCustomError("bad-value", "{said}", {"said": message, "hint": hint})
    return value


def checked_handle(value: Any) -> Any:
    """The name of a team or person on a code host, or a mail address.

    Raises:
        PydanticCustomError: `bad-value`, where it cannot be one.
    """
    if isinstance(value, str) and not _HANDLE.match(value):
        said = f"`{value}` is no name on a code host"
        hint = "such as `@example/finance`, or a mail address"
        raise PydanticCustomError("bad-value", "{said}", {"said": said, "hint": hint})
    return value


def lowered_grain(value: Any) -> Any:
    """The name of a grain in lower case; whether the project has it is the catalog's question."""
    return value.lower() if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """YAML reads ``expr: 1`` as a number; a snippet is text."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, (int, float)) else value


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, (str, bool, int)) else value


#: A name: lower-cased, two or more letters, digits and single underscores.
Name = Annotated[str, BeforeValidator(checked_name)]
#: A name that refers to another definition; whether it exists is the catalog's question.
Reference = Annotated[str, BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v)]
#: A time zone, such as `Europe/Berlin`.
Zone = Annotated[str, BeforeValidator(checked_zone)]
#: A team on a code host, such as `@example/finance`.
Handle = Annotated[str, BeforeValidator(checked_handle)]
#: A grain by name: a standard one, or one of the project's calendar.
GrainName = Annotated[str, BeforeValidator(lowered_grain)]
#: A SQL snippet in the project's authoring dialect.
Sql = Annotated[str, BeforeValidator(_text)]
#: One condition or a list of them, all of which must hold.
Conditions = Annotated[tuple[Sql, ...], BeforeValidator(_texts)]


class Config(Definition):
    """Grouping and free-form metadata; takes no part in meaning."""

    enabled: bool = True
    """Whether the definition exists at all."""
    group: str | None = None
    """The group (team, domain) that owns it."""
    tags: Annotated[tuple[str, ...], BeforeValidator(_texts)] = ()
    """Words to select by."""
    meta: dict[str, Any] = Field(default_factory=dict)
    """Anything else, by key."""

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Config:
        """Itself: pydantic copies the default for each definition, and nothing changes one."""
        return self
