"""SQL with Jinja to SQL, as dbt would: what stands outside the layer, in the same sandbox.

`ref` and `source` become names of tables, `config` nothing, `is_incremental()` false. Where that
fails, for macros that are not there, tags are cut out of the text, which often leaves good SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from kpilayer.load.macros import TargetInfo
from kpilayer.load.template import Templates

_STUBS: Final = (
    "{% macro is_incremental() %}{{ return(false) }}{% endmacro %}\n"
    "{% macro run_query(sql) %}{{ return([]) }}{% endmacro %}\n"
)
_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)
_ONLY_LATER: Final = re.compile(
    r"\{%-?\s*if\s+(?:not\s+)?is_incremental\(\)\s*-?%\}.*?\{%-?\s*endif\s*-?%\}", re.DOTALL
)
_REF: Final = re.compile(r"\{\{-?\s*(?:ref|source)\s*\(([^)]*)\)\s*-?\}\}")
_THIS: Final = re.compile(r"\{\{-?\s*this\s*-?\}\}")
_TAG: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def rendered_sql(
    path: str, text: str, target: TargetInfo, variables: Mapping[str, object], quote: str = '"'
) -> tuple[str, tuple[int, ...]]:
    """A text's SQL, and the line of the text for each line of it."""
    plain = _THIS.sub("kpilayer_this", text)
    templates = Templates(
        macros={"stubs.jinja": _STUBS}, variables=variables, target=target, quote=quote
    )
    made, lines, _ = templates.render_file(path, plain)
    if made is not None:
        return made, lines
    return _cut(plain)


def _cut(text: str) -> tuple[str, tuple[int, ...]]:
    """The text without tags, each line where it was."""

    def blank(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n")

    def name(found: re.Match[str]) -> str:
        return found[1].split(",")[-1].strip().strip("'\"")

    for pattern, put in ((_COMMENT, blank), (_ONLY_LATER, blank), (_REF, name), (_TAG, blank)):
        text = pattern.sub(put, text)
    return text, tuple(range(1, text.count("\n") + 2))
