"""dbt's `{% docs name %}` blocks of Markdown files, for `doc('name')` in descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TAG: Final = re.compile(r"\{%-?\s{0,20}(?:docs\s{1,20}(?P<name>\w{1,200})|enddocs)\s{0,20}-?%\}")


def doc_blocks(notes: Mapping[str, str]) -> dict[str, str]:
    """The text of each block by name, from files in the order of their paths; the first stays.

    A block is text, not a template: dbt renders nothing in it either. One that is not closed is
    left out, since a description breaks nothing.

    >>> doc_blocks({"a.md": "{% docs mrr %} Money a month. {% enddocs %}"})
    {'mrr': 'Money a month.'}
    """
    found: dict[str, str] = {}
    for path in sorted(notes):
        name, start = "", 0
        for tag in _TAG.finditer(notes[path]):
            if tag["name"]:
                name, start = tag["name"], tag.end()
            elif name:
                found.setdefault(name, notes[path][start : tag.start()].strip())
                name = ""
    return found
