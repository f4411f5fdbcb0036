# SPDX-License-Identifier: AGPL-3.0-only
"""A report as files: report.html, which holds everything and asks nobody; figures.csv; a PNG for each chart."""

from __future__ import annotations

import csv
from html import escape
from pathlib import Path
from typing import Final

from plumbline.report.chart import Chart, legend, svg, write_png
from plumbline.report.gather import Figure, Report, Section

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#16202a;--soft:#5a6773;--line:#dfe4e8;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebef;--soft:#9aa7b2;--line:#2c363e;--paper:#1a2127}}
body{max-width:60rem;margin:2rem auto;padding:0 1rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.75rem 0 .5rem}
p,figcaption,.meaning,.missing,dt,nav{color:var(--soft)}
dl{display:flex;flex-wrap:wrap;gap:1px;padding:1px;margin:1.25rem 0;
background:var(--line);border-radius:8px;overflow:hidden}
dl div{flex:1 1 9rem;background:var(--paper);padding:.6rem .8rem}
dt{font-size:.85rem}dd{margin:0;font-size:1.2rem;font-weight:600}
dd small,td.value small{font-size:.8em;font-weight:400;color:var(--soft)}
nav a{color:inherit;margin-right:1rem}
table{border-collapse:collapse;width:100%;table-layout:fixed}
td,th{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:left;overflow-wrap:anywhere;font-weight:400}
td,th{vertical-align:top}th{padding-left:0;width:32%}td.value{text-align:right;width:30%}.meaning{font-size:.9em}
figure{margin:1rem 0}figcaption b{font-weight:400;white-space:nowrap;margin-left:.75rem}
figcaption i{display:inline-block;width:.9em;height:.25em;vertical-align:middle;margin-right:.3em}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--soft)}svg path{fill:none;stroke-width:1.5}
svg .grid{stroke:var(--line);stroke-width:1}svg .soft{stroke-width:1;stroke-dasharray:4 4}
@media (max-width:40rem){table,tbody,tr,th,td{display:block}th,td,td.value{width:auto;text-align:left;padding:.1rem 0}
td,th{border:0}tr{border-bottom:1px solid var(--line);padding:.4rem 0}td.value{font-weight:600}}
"""


def write_report(report: Report, folder: Path, *, png: bool) -> list[Path]:
    """What was written. Raises OSError when it cannot be, PlumblineError for PNG without Pillow."""
    folder.mkdir(parents=True, exist_ok=True)
    page, table = folder / "report.html", folder / "figures.csv"
    page.write_text(html(report), encoding="utf-8")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["section", "figure", "value", "unit", "meaning"])
        writer.writeheader()
        writer.writerows(report.rows())
    written = [page, table]
    if png:
        for section in report.sections:
            for chart in section.charts:
                written.append(folder / f"{chart.name}.png")
                write_png(chart, written[-1])
    return written


def html(report: Report) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Plumbline, {escape(report.period)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Plumbline</h1><p>{escape(report.period)}. Each figure stands beside its definition.</p>"
        f"{_headlines(report)}{_contents(report)}"
        f"{''.join(map(_section, report.sections))}</body></html>\n"
    )


def _headlines(report: Report) -> str:
    tiles = "".join(f"<div><dt>{escape(each.name)}</dt><dd>{_value(each)}</dd></div>" for each in report.headlines)
    return f"<dl>{tiles}</dl>" if tiles else ""


def _contents(report: Report) -> str:
    links = (f'<a href="#{_slug(each.title)}">{escape(each.title)}</a>' for each in report.sections)
    return f"<nav>{' '.join(links)}</nav>"


def _slug(title: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in title.lower())


def _value(figure: Figure) -> str:
    unit = f" <small>{escape(figure.unit)}</small>" if figure.unit else ""
    return f"{escape(figure.value)}{unit}"


def _section(section: Section) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(each.name)}</th><td class="value">{_value(each)}</td>'
        f'<td class="meaning">{escape(each.meaning)}</td></tr>'
        for each in section.figures
    )
    table = f"<table>{rows}</table>" if rows else f'<p class="missing">Nothing to tell: {escape(section.missing)}.</p>'
    title = f'<h2 id="{_slug(section.title)}">{escape(section.title)}</h2>'
    return f"<section>{title}{table}{''.join(map(_figure, section.charts))}</section>"


def _figure(chart: Chart) -> str:
    labels = "".join(f'<b><i style="background:{color}"></i>{escape(label)}</b>' for color, label in legend(chart))
    caption = f"{escape(chart.title)}, {escape(chart.unit)}, UTC{labels}"
    return f"<figure><figcaption>{caption}</figcaption>{svg(chart)}</figure>"
