"""Jinja in what a caller asks: the objects of the group-by grammar, and nothing else.

A caller sees no variables, environment, macros or target: a question must not read the project's
machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kpilayer.errors import Issue, Location
from kpilayer.load.macros import DESCENDING
from kpilayer.load.template import TargetInfo, Templates


def render_where(
    conditions: Sequence[str], quote: str
) -> tuple[tuple[str, ...], tuple[Issue, ...]]:
    """Conditions with `{{ Dimension('a__b') }}` replaced by quoted group-by names."""
    return _render(conditions, "where", quote)


def render_group_by(items: Sequence[str], quote: str) -> tuple[tuple[str, ...], tuple[Issue, ...]]:
    """Group-bys with object strings such as `TimeDimension('metric_time', 'month')` as names."""
    wrapped = [f"{{{{ {item} }}}}" if "(" in item and "{{" not in item else item for item in items]
    rendered, issues = _render(wrapped, "group_by", quote)
    return tuple(item.strip().strip(quote) for item in rendered), issues


def render_items(
    items: Sequence[str], quote: str, at: Location
) -> tuple[tuple[str, ...], tuple[Issue, ...]]:
    """Group-bys and sort items of a definition, object strings as names: `-metric_time__month`."""
    wrapped = [f"{{{{ {item} }}}}" if "(" in item and "{{" not in item else item for item in items]
    rendered, issues = _render(wrapped, "group_by", quote, at)
    return tuple(_sorted(item.strip().replace(quote, "")) for item in rendered), issues


def _sorted(item: str) -> str:
    return f"-{item.removesuffix(DESCENDING)}" if item.endswith(DESCENDING) else item


def _render(
    texts: Sequence[str], argument: str, quote: str, at: Location | None = None
) -> tuple[tuple[str, ...], tuple[Issue, ...]]:
    if not any("{" in text for text in texts):
        return tuple(texts), ()
    templates = Templates(
        macros={}, variables={}, target=TargetInfo("", "", ""), quote=quote, environ={}
    )
    rendered: list[str] = []
    issues: list[Issue] = []
    for text in texts:
        result, found = templates.render(text, (lambda *_: at) if at else _at(argument, text))
        rendered.append(result)
        issues += found
    return tuple(rendered), tuple(issues)


def _at(argument: str, text: str) -> Callable[[int, str], Location]:
    return lambda line, word: Location(argument, line, 1, max(1, len(text)), text)
