"""Parts of a self-contained HTML report: tables, column charts as inline SVG, and the page."""

import html
import math
from collections.abc import Mapping, Sequence

Cell = str | int | float | None
_LONGEST = 80  # longer names are cut: one very long cell must not fill the page
_WIDTH, _HEIGHT, _LEFT, _TOP, _FOOT = 760, 200, 70, 24, 58
_COLORS = ("#2563a8", "#d97706")
_LABELS = 24  # as many as fit under a chart
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2530; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1rem }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #d8dee6; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
tr.flagged td { background: #fdecea }
figure { margin: 1rem 0 } figcaption { font-weight: 600 } svg { max-width: 100%; height: auto }
"""


def clip(text: object) -> str:
    """Cut a name from the data to 80 characters. It is not escaped: every function below escapes its input."""
    plain = str(text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def paragraph(text: str) -> str:
    """A paragraph of any length."""
    return f"<p>{html.escape(text)}</p>"


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]], flagged: Sequence[bool] = ()) -> str:
    """A table. Numbers are right-aligned, None and NaN are a dash. `flagged` highlights rows, by position."""
    numeric = [bool(rows) and all(not isinstance(row[place], str) for row in rows) for place in range(len(headers))]
    head = "".join(_cell("th", name, number) for name, number in zip(headers, numeric, strict=True))
    lines = []
    for place, row in enumerate(rows):
        mark = ' class="flagged"' if place < len(flagged) and flagged[place] else ""
        cells = "".join(_cell("td", value, number) for value, number in zip(row, numeric, strict=True))
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def columns(caption: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], percent: bool = False) -> str:
    """A column chart: one column per label and series (at most two), values of 0 or more, NaN for none."""
    finite = [value for values in series.values() for value in values if math.isfinite(value)]
    top = 1.0 if percent else max([*finite, 0.0]) or 1.0
    slot = (_WIDTH - _LEFT) / max(1, len(labels))
    bar = slot * 0.8 / len(series)
    marks = [_axis(top * share, share, percent) for share in (0, 0.5, 1)]
    for order, (name, values) in enumerate(series.items()):
        for place, value in enumerate(values):
            if not math.isfinite(value):
                continue
            height = _HEIGHT * value / top
            marks.append(
                f'<rect x="{_LEFT + place * slot + slot * 0.1 + order * bar:.1f}" y="{_TOP + _HEIGHT - height:.1f}" '
                f'width="{bar:.1f}" height="{height:.1f}" fill="{_COLORS[order]}">'
                f"<title>{html.escape(f'{clip(labels[place])}, {name}')}: {_shown(value, percent)}</title></rect>"
            )
        if len(series) > 1:
            x = _LEFT + order * 150
            marks.append(f'<rect x="{x}" y="4" width="10" height="10" fill="{_COLORS[order]}"/>')
            marks.append(f'<text x="{x + 14}" y="13">{html.escape(name)}</text>')
    marks += [_label(labels[place], _LEFT + (place + 0.5) * slot) for place in range(0, len(labels), _every(labels))]
    return (
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<svg role="img" aria-label="{html.escape(caption)}" width="{_WIDTH}" height="{_HEIGHT + _TOP + _FOOT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT + _TOP + _FOOT}" font-size="11">{"".join(marks)}</svg></figure>'
    )


def page(title: str, sections: Mapping[str, Sequence[str]]) -> str:
    """One HTML document; `sections` maps each heading to its parts, already HTML."""
    body = "".join(
        f"<section><h2>{html.escape(name)}</h2>{''.join(parts)}</section>" for name, parts in sections.items()
    )
    name = html.escape(title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{name}</h1>{body}</body></html>\n"
    )


def _cell(tag: str, value: Cell, number: bool) -> str:
    kind = ' class="number"' if number else ""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        text = "&ndash;"
    elif isinstance(value, str):
        text = html.escape(value)
    else:
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
    return f"<{tag}{kind}>{text}</{tag}>"


def _shown(value: float, percent: bool) -> str:
    return f"{value:.0%}" if percent else f"{value:,.6g}"


def _axis(value: float, share: float, percent: bool) -> str:
    y = _TOP + _HEIGHT * (1 - share)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dee6"/>'
        f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_shown(value, percent)}</text>'
    )


def _every(labels: Sequence[str]) -> int:
    return max(1, math.ceil(len(labels) / _LABELS))


def _label(text: str, x: float) -> str:
    y = _TOP + _HEIGHT + 12
    short = html.escape(text if len(text) <= 16 else text[:15] + "…")
    return f'<text x="{x:.1f}" y="{y}" text-anchor="end" transform="rotate(-35 {x:.1f} {y})">{short}</text>'
