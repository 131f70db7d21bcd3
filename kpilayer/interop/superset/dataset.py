"""What is pushed, where to, and what became of it: plain values.

Names are Superset's own, in our words: a label is its ``verbose_name``, a time column its
``is_dttm``, the main time its ``main_dttm_col``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kpilayer.errors import Issue

Action = Literal["created", "updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view; an empty label or description leaves what Superset has."""

    name: str
    label: str = ""
    description: str = ""
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a dataset: an SQL expression over its columns, for the database's dialect.

    ``d3format`` is a format of https://d3js.org/d3-format, such as ``,.2f`` or ``.1%``. Who
    certifies it and the details stand behind its badge; the warning is Markdown.
    """

    name: str
    expression: str
    label: str = ""
    description: str = ""
    d3format: str = ""
    certified_by: str = ""
    certification_details: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table or view with all of its columns, and all metrics that kpilayer gives it.

    ``catalog`` is needed only where Superset reads several catalogs over one connection.
    """

    schema: str
    table: str
    columns: tuple[Column, ...]
    metrics: tuple[Metric, ...]
    description: str = ""
    main_time: str | None = None
    catalog: str | None = None

    @property
    def name(self) -> str:
        """As people write it: ``kpi.orders_daily``."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class Server:
    """A Superset, the connection in it (by the name that it has there), and who asks.

    ``url`` is the address with any path that Superset is under. A token is an access token (JWT)
    and is used instead of a password; ``provider`` says who knows the password: ``db`` or ``ldap``.
    """

    url: str
    database: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    provider: Literal["db", "ldap"] = "db"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a dataset, or what would: each change as a phrase, and where to see it.

    One that failed has issues. Superset may then have a new dataset without metrics; pushing again
    completes it.
    """

    dataset: str
    action: Action
    changes: tuple[str, ...] = ()
    link: str | None = None
    issues: tuple[Issue, ...] = ()
