"""Small pictures as SVG: for light and dark pages, with a title for who listens, without scripts.

Colours are said once, in a style that asks for the page's scheme and holds for this picture only.
Every text is escaped; what XML cannot hold is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

ROW: Final = 26
#: How wide a character of 13 pixels is, about.
CHARACTER: Final = 7.2
_LIGHT: Final = {
    "text": "#1f2328", ".quiet": "#59636e", ".line": "#d1d9e0", ".whole": "#57606a",
    ".up": "#1a7f37", ".down": "#cf222e", ".warn": "#9a6700",
}  # fmt: skip
_DARK: Final = {
    "text": "#e6edf3", ".quiet": "#9198a1", ".line": "#3d444d", ".whole": "#9198a1",
    ".up": "#3fb950", ".down": "#f85149", ".warn": "#d29922",
}  # fmt: skip


def _rules(colours: Mapping[str, str]) -> str:
    """Colours of texts, bars and lines, without variables: not every program knows these."""
    return "".join(
        f".kpilayer {name}{{{'fill:none;stroke' if name == '.line' else 'fill'}:{colour}}}"
        for name, colour in colours.items()
    )


def picture(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    """A whole picture of parts; ``title`` says what it shows."""
    said = text_of(title)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" class="kpilayer" role="img" '
        f"aria-label={quoteattr(kept(title))}>"
    )
    style = (
        f".kpilayer{{font:13px system-ui,sans-serif}}{_rules(_LIGHT)}"
        f"@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}"
    )
    lines = [head, f"<title>{said}</title>", f"<style>{style}</style>", *parts, "</svg>"]
    return "\n".join(lines) + "\n"


def words(
    x: float, y: float, text: str, style: str = "", anchor: str = "start", title: str = ""
) -> str:
    """A text at a place; ``title`` is told where the text is cut."""
    named = f' class="{style}"' if style else ""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    hover = f"<title>{text_of(title)}</title>" if title else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}{at}>{hover}{text_of(text)}</text>'


def bar(x: float, y: float, width: float, height: float, style: str, title: str) -> str:
    """A bar, at least a pixel wide, with what it says."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" rx="2" '
        f'class="{style}"><title>{text_of(title)}</title></rect>'
    )


def line(*points: tuple[float, float]) -> str:
    """A thin line through points."""
    path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{path}" class="line"/>'


def text_of(text: str) -> str:
    """A text as XML holds it."""
    return escape(kept(text))


def kept(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return "".join(c for c in text if c.isprintable() or c == " ")


def cut(text: str, most: int) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else text[: most - 1] + "…"
