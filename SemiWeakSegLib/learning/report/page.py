"""The page around the report's sections: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from .markup import Markup, escape

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #1d2530; --quiet: #5b6675; --line: #dfe4ea;
  --accent: #0b5fa5; --warn-ink: #7a4b00; --warn: #fff4dc; --bad-ink: #8f1d1d; --bad: #fdeaea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #171c23; --ink: #e8ecf1; --quiet: #9aa6b5; --line: #2c3541;
    --accent: #7ab8ee; --warn-ink: #f3cf86; --warn: #32280f; --bad-ink: #f4a9a9; --bad: #3a1a1a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { max-width: 1060px; margin: 0 auto; padding: 28px 20px 60px; }
header h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
header p { margin: 0 0 18px; color: var(--quiet); }
h2 { font-size: 18px; margin: 0 0 10px; }
h3 { font-size: 15px; margin: 18px 0 6px; }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin: 0 0 18px;
}
p { margin: 0 0 10px; max-width: 75ch; }
.quiet, figcaption { color: var(--quiet); font-size: 14px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(185px, 1fr)); gap: 12px;
  margin: 0 0 18px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
.tile b { display: block; font-size: 27px; line-height: 1.2; font-weight: 650;
  overflow-wrap: anywhere; }
.tile span { display: block; color: var(--quiet); font-size: 13.5px; }
.note { border-radius: 10px; padding: 12px 16px; margin: 0 0 18px; max-width: none; }
.warning { background: var(--warn); color: var(--warn-ink); }
.failure { background: var(--bad); color: var(--bad-ink); }
.note ul { margin: 4px 0 0; padding-left: 20px; }
.scroll { overflow-x: auto; margin: 0 0 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); }
td { vertical-align: top; overflow-wrap: break-word; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
.n:last-child { padding-right: 2px; }
tbody tr:last-child td { border-bottom: 0; }
figure { margin: 0 0 10px; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
figcaption { margin-top: 6px; }
details { margin: 0 0 8px; }
summary { cursor: pointer; color: var(--accent); padding: 4px 0; }
dl { margin: 0; } dt { font-weight: 600; } dd { margin: 0 0 8px; max-width: 75ch; }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
"""


def render_page(title: str, subtitle: str, sections: Iterable[str]) -> str:
    """A complete HTML document that a browser shows without asking anyone for anything."""
    body = "".join(sections)
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # The page itself forbids what it promises not to do.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{escape(title)}</h1>\n<p>{escape(subtitle)}</p></header>\n"
        f"{body}</main>\n</body>\n</html>\n"
    )


def tiles(figures: Iterable[tuple[str, str]]) -> Markup:
    """The headline figures: (figure, what it is)."""
    content = "".join(
        f'<div class="tile"><b>{escape(figure)}</b><span>{escape(text)}</span></div>\n'
        for figure, text in figures
    )
    return Markup(f'<div class="tiles">\n{content}</div>\n' if content else "")


def note(content: str, kind: str) -> Markup:
    """A coloured note, of kind "warning" or "failure"."""
    return Markup(f'<div class="note {kind}">{content}</div>\n')
