"""A question that two semantic layers are asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Question:
    """Names as both spell them: `metric_time__month`, `customer__region__country`."""

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    order_by: tuple[str, ...] = ()
    limit: int | None = None

    def asked(self) -> dict[str, Any]:
        """What is asked, by the names of ``Project.query``; nothing that is left out."""
        found = {key: value for key, value in asdict(self).items() if value not in (None, ())}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()}

    def __str__(self) -> str:
        """As one would say it: `revenue by metric_time__month`."""
        parts = [", ".join(self.metrics)]
        parts += [f"by {', '.join(self.group_by)}"] if self.group_by else ["in total"]
        parts += [f"where {' and '.join(self.where)}"] if self.where else []
        parts += [f"from {self.start}"] if self.start else []
        parts += [f"to {self.end}"] if self.end else []
        parts += [f"order by {', '.join(self.order_by)}"] if self.order_by else []
        parts += [f"limit {self.limit}"] if self.limit is not None else []
        return " ".join(parts)
