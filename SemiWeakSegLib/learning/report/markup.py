"""Small pieces of HTML: everything that comes from outside is escaped here."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

MISSING = "-"


class Markup(str):
    """Text that is HTML already and is not escaped again."""


def escape(value: Any) -> Markup:
    """A value as HTML; Markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def number(value: float | None, digits: int = 3, sign: bool = False) -> str:
    """A number with fixed decimals, a dash where there is none."""
    if value is None:
        return MISSING
    # Adding zero turns -0.0, which is how a tiny negative number is rounded, into 0.0.
    rounded = round(value, digits) + 0.0
    return f"{rounded:+.{digits}f}" if sign and rounded else f"{rounded:.{digits}f}"


def plain(value: Any) -> str:
    """A setting's value in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        # Numbers of one shape read best as 4 x 8 x 8; lists of lists keep their commas.
        flat = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in value)
        return (" x " if flat else ", ").join(plain(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or "none"
    return str(value)


def clock(duration: float | None) -> str:
    """Seconds in words: 42 s, 12 min, 3 h 05 min."""
    if duration is None:
        return MISSING
    if duration < 90:
        return f"{duration:.0f} s"
    minutes = round(duration / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], numeric: int = 0) -> Markup:
    """A table; the last `numeric` columns are aligned to the right. Empty without rows."""
    first = len(headings) - numeric
    classes = ["" if column < first else ' class="n"' for column in range(len(headings))]
    head = "".join(
        f"<th scope=col{kind}>{escape(text)}</th>"
        for kind, text in zip(classes, headings, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(classes, row, strict=True))
        + "</tr>\n"
        for row in rows
    )
    if not body:
        return Markup("")
    return Markup(
        '<div class="scroll"><table><thead><tr>'
        f"{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def section(title: str, *parts: str, anchor: str = "") -> Markup:
    """A titled section of the page; nothing where all parts are empty."""
    content = "".join(parts)
    if not content.strip():
        return Markup("")
    name = f' id="{escape(anchor)}"' if anchor else ""
    return Markup(f"<section{name}>\n<h2>{escape(title)}</h2>\n{content}</section>\n")


def paragraph(text: Any, kind: str = "") -> Markup:
    """A paragraph, of a style class where one is given."""
    style = f' class="{kind}"' if kind else ""
    return Markup(f"<p{style}>{escape(text)}</p>\n")


def bullets(items: Iterable[Any]) -> Markup:
    """A list; nothing where it is empty."""
    content = "".join(f"<li>{escape(item)}</li>\n" for item in items)
    return Markup(f"<ul>\n{content}</ul>\n" if content else "")


def details(summary: str, content: str) -> Markup:
    """A part that opens at a click; nothing where there is no content."""
    if not content.strip():
        return Markup("")
    return Markup(f"<details><summary>{escape(summary)}</summary>\n{content}</details>\n")


def picture(light: bytes, description: str, dark: bytes | None = None) -> Markup:
    """PNG bytes inside the page, with another PNG for dark pages where there is one."""
    source = ""
    if dark is not None:
        source = f'<source media="(prefers-color-scheme: dark)" srcset="{_data(dark)}">'
    return Markup(
        f'<figure><picture>{source}<img src="{_data(light)}" alt="{escape(description)}">'
        f"</picture><figcaption>{escape(description)}</figcaption></figure>\n"
    )


def _data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
