"""Parts of Mermaid charts: labels in quotes, in which nothing but letters and numbers is itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

#: What stands for itself in a quoted label; all else is its number, so that no label is markup.
_PLAIN: Final = frozenset(" .,%+-·:/()=_→●▲■○")


def label(lines: Iterable[str]) -> str:
    """Lines as one quoted label.

    >>> label(['a "b"', "1 → 2"])
    '"a #34;b#34;<br/>1 → 2"'
    """
    return '"' + "<br/>".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text)


def flowchart(
    nodes: Sequence[tuple[Sequence[str], str]], edges: Iterable[tuple[int, int, str, bool]]
) -> str:
    """A chart from above: nodes as lines of their label and a class, "" for none.

    Edges are two numbers of nodes, a label, and whether the line is dotted.
    """
    lines = ["flowchart TD"]
    for at, (texts, style) in enumerate(nodes):
        lines.append(f"  n{at}[{label(texts)}]{f':::{style}' if style else ''}")
    for first, second, told, is_dotted in edges:
        arrow = "-.->" if is_dotted else "-->"
        middle = f"|{label([told])}|" if told else ""
        lines.append(f"  n{first} {arrow}{middle} n{second}")
    lines += [f"  classDef {name} {style}" for name, style in _CLASSES.items()]
    return "\n".join(lines) + "\n"


_CLASSES: Final = {
    "healthy": "stroke:#1a7f37,stroke-width:2px",
    "warning": "stroke:#9a6700,stroke-width:2px",
    "breach": "stroke:#cf222e,stroke-width:2px",
    "unknown": "stroke-dasharray:4 3",
}
