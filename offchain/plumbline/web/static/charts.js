// SPDX-License-Identifier: AGPL-3.0-only
// Charts over time: history from the server (thinned out there), new looks put behind it, zoom asks the server again.
// All lines are steps: a value stands until the next one is seen. All charts show the same moment under the cursor.

import { clock, fixed, utc } from "./format.js";

const HEIGHT = 240;
// A chart of the first look is as wide as this.
const LEAST_S = 10;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export class Chart {
  // series: [{ key, label, color, width, dash, spanGaps }]; band: [upper key, lower key]
  constructor(id, title, unit, digits, series, band) {
    Object.assign(this, { title, unit, digits, series, band });
    this.place = document.getElementById(id);
    this.place.className = "chart";
    this.place.tabIndex = 0;
    this.place.setAttribute("role", "group");
    this.place.setAttribute("aria-roledescription", "chart");
    this.place.addEventListener("keydown", (event) => this.key(event));
    this.data = [[], ...series.map(() => [])];
    this.zoomed = null;
    this.plot = null;
    this.drawn_ms = null;
    new ResizeObserver(() => this.plot?.setSize({ width: this.place.clientWidth, height: HEIGHT })).observe(this.place);
  }

  get keys() {
    return this.series.map((each) => each.key);
  }

  replace(series) {
    this.series = series;
    this.data = [[], ...series.map(() => [])];
    this.plot?.destroy();
    this.plot = null;
    this.zoomed = null;
  }

  async load(span_s) {
    const wanted = this.keys;
    const query = new URLSearchParams(wanted.map((key) => ["series", key]));
    const until = this.zoomed ? this.zoomed[1] : null;
    const from = this.zoomed ? this.zoomed[0] : span_s === null || this.last_s === undefined ? null : this.last_s - span_s;
    if (from !== null) query.set("from", Math.max(0, Math.floor(from)));
    if (until !== null) query.set("to", Math.ceil(until));
    const answer = await fetch(`/api/history?${query}`);
    if (!answer.ok) throw new Error(`history: HTTP ${answer.status}`);
    const found = await answer.json();
    // Another feed may have been chosen while the answer was on its way.
    if (wanted.join() !== this.keys.join()) return;
    this.data = [found.at_s, ...wanted.map((key) => found.values[key])];
    this.draw();
  }

  add(at_s, samples, span_s) {
    this.last_s = at_s;
    const times = this.data[0];
    if (this.zoomed) return;
    if (times.length && at_s <= times[times.length - 1]) return;
    times.push(at_s);
    this.series.forEach((each, i) => this.data[i + 1].push(samples[each.key] ?? null));
    while (span_s !== null && times.length && times[0] < at_s - span_s) this.data.forEach((column) => column.shift());
    this.draw();
  }

  draw() {
    this.began_ms = performance.now();
    const seen = this.data.slice(1).some((column) => column.some((value) => value !== null));
    this.say(seen);
    if (!seen) {
      this.plot?.destroy();
      this.plot = null;
      this.place.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: "Nothing seen yet in this time." }));
      return;
    }
    if (this.plot) this.plot.setData(this.data);
    else {
      this.place.replaceChildren();
      this.plot = new uPlot(this.options(), this.data, this.place);
    }
    if (this.plot.cursor.idx === null || this.plot.cursor.idx === undefined) this.plot.setLegend({ idx: this.data[0].length - 1 });
  }

  say(seen) {
    const last = this.series.map((each, i) => [each.label, this.data[i + 1].findLast((value) => value !== null)]).filter(([, value]) => value !== undefined);
    const values = last.map(([label, value]) => `${label} ${fixed(value, this.digits(value))}`).join(", ");
    this.place.setAttribute("aria-label", `${this.title}, ${this.unit}. ${seen ? `Last: ${values}` : "Nothing seen yet"}`);
  }

  options() {
    const soft = color("soft");
    const grid = { stroke: color("line"), width: 1 };
    const axis = { stroke: soft, grid, ticks: grid, font: "12px system-ui, sans-serif" };
    const long = () => this.data[0].length && this.data[0].at(-1) - this.data[0][0] > 2 * 86_400;
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      // Room for half of the last time's label.
      padding: [null, 34, null, null],
      cursor: { focus: { prox: 24 }, drag: { x: true, y: false }, sync: { key: "time", filters: { pub: moved } } },
      legend: { markers: { width: 0, fill: (plot, i) => color(this.series[i - 1]?.color) } },
      scales: { x: { range: (plot, first, last) => this.times(first, last) }, y: { range: (plot, low, high) => padded(low, high) } },
      axes: [
        { ...axis, space: 80, values: (plot, times) => times.map((at) => (long() ? utc(at).slice(5, 16) : clock(at).replace(/:00$/, ""))) },
        { ...axis, size: 74, values: (plot, values) => values.map((value) => fixed(value, values.length > 1 ? decimals(values[1] - values[0]) : 2)) },
      ],
      series: [
        { label: "Time", value: (plot, at) => (at === null ? "" : utc(at)) },
        ...this.series.map((each) => ({
          label: each.label,
          stroke: color(each.color),
          width: each.width ?? 1.25,
          dash: each.dash,
          points: { show: false },
          spanGaps: each.spanGaps ?? false,
          paths: uPlot.paths.stepped({ align: 1 }),
          value: (plot, value) => (value === null ? "–" : `${fixed(value, this.digits(value))} ${this.unit}`),
        })),
      ],
      bands: this.band ? [{ series: this.band.map((key) => this.keys.indexOf(key) + 1), fill: color("band") }] : [],
      hooks: {
        draw: [() => { this.drawn_ms = performance.now() - this.began_ms; }],
        setCursor: [(plot) => {
          // Without a pointer the legend tells the last values.
          if (plot.cursor.idx === null || plot.cursor.left < 0) plot.setLegend({ idx: this.data[0].length - 1 });
        }],
        setSelect: [(plot) => {
          if (plot.select.width > 4) this.zoom([plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")]);
        }],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.zoom(null))],
      },
    };
  }

  // Of one look alone uPlot would show the years after it.
  times(first, last) {
    const end = this.data[0].length === 1 ? this.data[0][0] : last;
    return [Math.min(first, end - LEAST_S), end];
  }

  // Bubbles, so that all charts show the same time.
  zoom(to) {
    this.zoomed = to && [Math.floor(to[0]), Math.max(Math.ceil(to[1]), Math.floor(to[0]) + 2)];
    this.place.dispatchEvent(new CustomEvent("zoom", { bubbles: true, detail: this }));
  }

  key(event) {
    if (!this.plot) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    const last = this.data[0].length - 1;
    if (event.key in steps || event.key === "Home" || event.key === "End") {
      const now = this.plot.cursor.idx ?? last;
      const idx = event.key === "Home" ? 0 : event.key === "End" ? last : Math.max(0, Math.min(last, now + steps[event.key]));
      this.plot.setCursor({ left: this.plot.valToPos(this.data[0][idx], "x"), top: HEIGHT / 3 });
      const values = this.series.map((each, i) => [each.label, this.data[i + 1][idx]]).filter(([, value]) => value !== null);
      // A label that changes is not read out; this is.
      document.getElementById("said").textContent = `${utc(this.data[0][idx])}: ${values.map(([label, value]) => `${label} ${fixed(value, this.digits(value))} ${this.unit}`).join(", ")}`;
      event.preventDefault();
    } else if (event.key === "Escape" && this.zoomed) this.zoom(null);
  }
}

// What other charts hear of: where the cursor is, not what is selected.
function moved(type) {
  return type === "mousemove" || type === "mouseleave";
}

function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) / 1000 || 1) * 0.08;
  return [low - room, high + room];
}

function decimals(step) {
  return Math.max(0, Math.min(6, Math.ceil(-Math.log10(Math.abs(step) || 1))));
}
