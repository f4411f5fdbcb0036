# SPDX-License-Identifier: AGPL-3.0-only
"""A report as files: report.html, which holds everything and asks nobody; figures.csv; a PNG for each chart."""

from __future__ import annotations

import csv
from html import escape
from pathlib import Path
from typing import Final

from plumbline.report.chart import Chart, legend, svg, write_png
from plumbline.report.gather import Report, Section

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#16202a;--soft:#5a6773;--line:#dfe4e8;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebef;--soft:#9aa7b2;--line:#2c363e;--paper:#1a2127}}
body{max-width:60rem;margin:2rem auto;padding:0 1rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.1rem;margin-top:2.5rem}
p,figcaption,.meaning,.missing{color:var(--soft)}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:left}
td.value{text-align:right;white-space:nowrap}figure{margin:1rem 0}svg{width:100%;height:auto}
svg text{font-size:12px;fill:var(--soft)}svg polyline{fill:none;stroke-width:1.5}svg .grid{stroke:var(--line)}
"""


def write_report(report: Report, folder: Path, *, png: bool) -> list[Path]:
    """What was written. Raises OSError when it cannot be, PlumblineError for PNG without Pillow."""
    folder.mkdir(parents=True, exist_ok=True)
    page, table = folder / "report.html", folder / "figures.csv"
    page.write_text(html(report), encoding="utf-8")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["section", "figure", "value", "unit", "meaning"])
        for section in report.sections:
            for each in section.figures:
                value = each.value.replace(",", "")
                writer.writerow([section.title, each.name, value, each.unit, each.meaning])
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
        f"{''.join(map(_section, report.sections))}</body></html>\n"
    )


def _section(section: Section) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(each.name)}</th><td class="value">{escape(each.value)} {escape(each.unit)}</td>'
        f'<td class="meaning">{escape(each.meaning)}</td></tr>'
        for each in section.figures
    )
    table = f"<table>{rows}</table>" if rows else f'<p class="missing">Nothing to tell: {escape(section.missing)}.</p>'
    return f"<section><h2>{escape(section.title)}</h2>{table}{''.join(map(_figure, section.charts))}</section>"


def _figure(chart: Chart) -> str:
    labels = " ".join(f'<span style="color:{color}">&#9644;</span> {escape(label)}' for color, label in legend(chart))
    caption = f"{escape(chart.title)}, {escape(chart.unit)}, UTC. {labels}"
    return f"<figure><figcaption>{caption}</figcaption>{svg(chart)}</figure>"
