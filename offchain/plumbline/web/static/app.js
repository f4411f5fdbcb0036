// SPDX-License-Identifier: AGPL-3.0-only
// Listens to the server, keeps what was chosen, draws. The address's fragment remembers the choice: #BTC/USD,600

import { Chart } from "./charts.js";
import { age } from "./format.js";
import { h, render } from "./render.js";

const RANGES = [["10 min", 600], ["1 h", 3_600], ["8 h", 28_800], ["all", null]];
const SILENT_MS = 5_000;
const RETRY_MS = 2_000;
const VENUE_COLORS = 8;

const chosen = { feed: null, span_s: 600 };
let look = null;
let heard_ms = 0;
let charts = null;

const digits = (value) => (Math.abs(value) >= 100 ? 2 : 5);
const two = () => 2;

function priceSeries() {
  const observed = look.observed.find((each) => each.name === chosen.feed);
  const venues = [...new Set((observed?.contributions ?? []).map((each) => each.venue))].sort();
  return [
    ...venues.map((venue, i) => ({ key: `venue:${chosen.feed}:${venue}`, label: venue, color: `v${(i % VENUE_COLORS) + 1}`, width: 1 })),
    { key: `index:${chosen.feed}`, label: "index", color: "index", width: 1.75, spanGaps: true },
    { key: `chain:${chosen.feed}`, label: "on chain", color: "chain", width: 2, spanGaps: true },
  ];
}

function reporterSeries() {
  return look.reporters.map((each, i) => ({ key: `off:${chosen.feed}:${each.name}`, label: each.name, color: `v${(i % VENUE_COLORS) + 1}`, spanGaps: false }));
}

function makeCharts() {
  charts = {
    price: new Chart("chart-price", "Venues, index and chain", "", digits, []),
    reporters: new Chart("chart-reporters", "Reporters off the median", "bps", two, []),
    share: new Chart("chart-share", "NAV and pool price", "USD", () => 4, [
      { key: "pool", label: "pool price", color: "pool", spanGaps: true },
      { key: "nav", label: "NAV", color: "nav", width: 1.75, spanGaps: true },
    ]),
    premium: new Chart("chart-premium", "Premium and its band", "bps", two, [
      { key: "band_high_bps", label: "band, high", color: "soft", dash: [4, 4], width: 1, spanGaps: true },
      { key: "band_low_bps", label: "band, low", color: "soft", dash: [4, 4], width: 1, spanGaps: true },
      { key: "premium_bps", label: "premium", color: "pool", width: 1.5, spanGaps: true },
    ], ["band_high_bps", "band_low_bps"]),
    profit: new Chart("chart-profit", "Profit before gas", "", two, [
      { key: "profit", label: "profit", color: "chain", width: 1.75, spanGaps: true },
    ]),
  };
  document.addEventListener("zoom", (event) => {
    for (const chart of Object.values(charts)) chart.zoomed = event.detail.zoomed;
    reload();
  });
}

async function reload() {
  const wanted = Object.values(charts).filter((chart) => chart.series.length);
  await Promise.all(wanted.map((chart) => chart.load(chosen.span_s).catch(() => chart.draw())));
}

function chooseFeed(name) {
  chosen.feed = name;
  charts.price.unit = name.split("/")[1];
  followFeed();
  remember();
}

// Two charts show the chosen feed: a series for each venue and each reporter there is.
function followFeed() {
  charts.price.replace(priceSeries());
  charts.reporters.replace(reporterSeries());
}

function loadFeed() {
  for (const chart of [charts.price, charts.reporters]) {
    chart.last_s = look.at_s;
    if (chart.series.length) chart.load(chosen.span_s).catch(() => {});
    else chart.draw();
  }
}

const keys = (series) => series.map((each) => each.key).join();

function remember() {
  history.replaceState(null, "", `#${chosen.feed},${chosen.span_s ?? "all"}`);
}

function recall() {
  const [feed, span] = decodeURIComponent(location.hash.slice(1)).split(",");
  const range = RANGES.find(([, seconds]) => String(seconds ?? "all") === span);
  if (range) chosen.span_s = range[1];
  return feed;
}

function options(id, name, entries, current, onChoose) {
  const place = document.getElementById(id);
  const known = entries.map(([label]) => label).join();
  if (place.dataset.known === known) return;
  place.dataset.known = known;
  place.replaceChildren(place.querySelector("legend"), ...entries.map(([label, value]) => {
    const input = h("input", { type: "radio", name, value: label, checked: value === current });
    input.addEventListener("change", () => onChoose(value));
    return h("label", {}, input, h("span", {}, label));
  }));
}

function feedNames() {
  const names = look.oracle?.feeds.map((feed) => feed.name) ?? look.observed.map((feed) => feed.name);
  return names.length ? names : chosen.feed ? [chosen.feed] : [];
}

function take(fresh) {
  look = fresh;
  heard_ms = Date.now();
  const first = charts === null;
  if (first) makeCharts();
  const names = feedNames();
  if (names.length && !names.includes(chosen.feed)) {
    const wanted = recall();
    chooseFeed(names.includes(wanted) ? wanted : names[0]);
  } else if (chosen.feed && look.observer && keys([...priceSeries(), ...reporterSeries()]) !== keys([...charts.price.series, ...charts.reporters.series])) {
    followFeed();
    loadFeed();
  }
  options("feeds", "feed", names.map((name) => [name, name]), chosen.feed, (name) => {
    chooseFeed(name);
    loadFeed();
    render(look, chosen.feed);
  });
  options("ranges", "range", RANGES, chosen.span_s, (span_s) => {
    chosen.span_s = span_s;
    for (const chart of Object.values(charts)) chart.zoomed = null;
    remember();
    reload();
  });
  charts.profit.unit = look.trades?.quote ?? "";
  render(look, chosen.feed);
  if (look.at_s === null) return;
  for (const chart of Object.values(charts)) if (!first) chart.add(look.at_s, look.samples, chosen.span_s);
  if (first) {
    for (const chart of Object.values(charts)) chart.last_s = look.at_s;
    reload();
  }
}

// Where there is room beside other things, what is behind a click elsewhere is shown at once.
function unfold() {
  for (const details of document.querySelectorAll("details.roomy")) details.open = matchMedia("(min-width: 66rem)").matches;
}

function live(state, words) {
  const place = document.getElementById("live");
  if (place.dataset.state !== state) place.dataset.state = state;
  const said = document.getElementById("live-text");
  if (said.textContent !== words) said.textContent = words;
}

let source = null;
let opened_ms = 0;

function listen() {
  source?.close();
  source = new EventSource("/events");
  opened_ms = Date.now();
  source.onmessage = (event) => {
    take(JSON.parse(event.data));
    live("live", "live");
  };
  source.onerror = () => live("lost", heard_ms ? "connection lost, trying again" : "no answer from this page's server, trying again");
}

// A browser gives up after an answer that is no stream (a proxy's error, too many listeners), and waits for ever on a
// connection whose other end is gone; this page does neither.
function watchSilence() {
  const silent_ms = Date.now() - heard_ms;
  if (heard_ms && silent_ms > SILENT_MS) live("lost", `nothing heard for ${age(silent_ms / 1000)}, trying again`);
  const waited_ms = Date.now() - Math.max(opened_ms, heard_ms);
  if (waited_ms > (source.readyState === EventSource.CLOSED ? RETRY_MS : 2 * SILENT_MS)) listen();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of Object.values(charts ?? {})) {
    chart.plot?.destroy();
    chart.plot = null;
    chart.draw();
  }
});
// For whoever measures: how long each chart took to draw.
window.plumblineCharts = () => charts;
unfold();
listen();
setInterval(watchSilence, 1_000);
