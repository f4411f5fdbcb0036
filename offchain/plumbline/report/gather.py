# SPDX-License-Identifier: AGPL-3.0-only
"""Puts a report together: named sections of figures with their meaning, and the charts beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from plumbline.client import format_units
from plumbline.overview.chain import EDGE_PPM
from plumbline.report import figures
from plumbline.report.chain import ChainReport
from plumbline.report.chart import Chart, Line
from plumbline.report.figures import Series
from plumbline.store.trades import TradeRecord

INTERVAL_S: Final = 60
SHARE_DECIMALS: Final = 18
_HOUR_S: Final = 3_600
_PPM_PER_BPS: Final = 100
_HEADLINES: Final = (
    ("Tracking", "tracking difference"),
    ("Premium", "premium, median"),
    ("Premium", "time outside the band"),
    ("Keeper", "profit and loss"),
    ("Gas by caller", "rounds"),
)
_ETH_DECIMALS: Final = 18

_PERCENTILES: Final = {0: "lowest", 50: "median", 100: "highest"}

Read = Callable[[str], Series]


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str
    unit: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    figures: tuple[Figure, ...]
    charts: tuple[Chart, ...] = ()
    missing: str = ""
    """Why there are no figures."""


@dataclass(frozen=True, slots=True)
class Report:
    from_s: int
    to_s: int
    sections: tuple[Section, ...]

    @property
    def period(self) -> str:
        return f"{utc(self.from_s)} to {utc(self.to_s)}"

    def rows(self) -> list[dict[str, str]]:
        """Every figure, for a table."""
        return [
            {"section": section.title, "figure": each.name, "value": each.value.replace(",", "")}
            | {"unit": each.unit, "meaning": each.meaning}
            for section in self.sections
            for each in section.figures
        ]

    @property
    def headlines(self) -> list[Figure]:
        """What somebody looks for first, of what there is."""
        known = {(section.title, each.name): each for section in self.sections for each in section.figures}
        return [known[key] for key in _HEADLINES if key in known]


def gather(
    names: list[str], read: Read, trades: list[TradeRecord] | None, chain: ChainReport | None, from_s: int, to_s: int
) -> Report:
    """names, read: the series of the page's history; trades: the keeper's journal; each may be absent."""
    feeds = sorted({name.split(":")[1] for name in names if name.startswith("index:")})
    sections = [
        tracking_section(read),
        premium_section(read),
        *(index_section(feed, names, read) for feed in feeds),
        exclusions_section(names, read),
        keeper_section(trades, chain.quote if chain is not None else None),
        fees_section(chain),
        rebalancing_section(chain),
        yield_section(names, read, chain),
        gas_section(chain),
    ]
    return Report(from_s, to_s, tuple(sections))


def tracking_section(read: Read) -> Section:
    pool, nav = read("pool"), read("nav")
    chart = Chart("share", "NAV and pool price", "USD", (Line("pool price", pool), Line("NAV", nav)))
    found = figures.tracking(pool, nav, INTERVAL_S)
    if found is None:
        return Section("Tracking", (), _drawn(chart), "fewer than three minutes with both a pool price and a NAV")
    error = f"standard deviation of the {found.interval_s} s return differences, {found.intervals} of them"
    year = f"times the square root of {figures.YEAR_S // found.interval_s:,} intervals a year"
    return Section(
        "Tracking",
        (
            _bps("tracking difference", found.difference_bps, "return of the pool price less return of NAV"),
            _bps("tracking error, population", found.population_bps, f"{error}; divided by n"),
            _bps("tracking error, sample", found.sample_bps, f"{error}; divided by n - 1"),
            _bps("annualised, population", found.annual_population_bps, year),
            _bps("annualised, sample", found.annual_sample_bps, year),
        ),
        _drawn(chart),
    )


def premium_section(read: Read) -> Section:
    premium, low, high = read("premium_bps"), read("band_low_bps"), read("band_high_bps")
    band = Line("band", low, soft=True), Line("band", high, soft=True)
    chart = Chart("premium", "Premium", "bps", (Line("premium", premium), *band))
    found = figures.spread(premium)
    if found is None:
        return Section("Premium", (), missing="no premium was seen")
    rows = [
        _bps(f"premium, {_PERCENTILES.get(percent, f'{percent}th percentile')}", value, "weighted by time")
        for percent, value in found.percentiles.items()
    ]
    rows.append(_bps("premium, mean", found.mean, f"weighted by time, over {_span(found.seen_s)} seen"))
    # As the page has it: a keeper leaves the price on the band's edge.
    outside = figures.outside_share(premium, low, high, EDGE_PPM / _PPM_PER_BPS)
    if outside is not None:
        meaning = "of the time seen; the band: the pool's fee and the vault's, before gas; a basis point of edge"
        rows.append(Figure("time outside the band", f"{outside * 100:.2f}", "%", meaning))
    return Section("Premium", tuple(rows), _drawn(chart))


def index_section(feed: str, names: list[str], read: Read) -> Section:
    """The index against each venue, the chain against the index, and how far the venues lay apart."""
    index, served = read(f"index:{feed}"), read(f"chain:{feed}")
    venues = {name.split(":")[2]: read(name) for name in names if name.startswith(f"venue:{feed}:")}
    rows = []
    for name, series, reference, what in [
        *((venue, series, index, f"{venue} against the index") for venue, series in sorted(venues.items())),
        ("chain", served, index, "served on chain against the index"),
    ]:
        found = figures.distance(series, reference)
        if found is not None:
            rows.append(_bps(f"{name}, mean distance", found.mean_bps, f"{what}, {found.samples} samples"))
            rows.append(_bps(f"{name}, largest distance", found.max_bps, what))
    apart = figures.fragmentation(venues)
    if (spread := figures.spread(apart)) is not None:
        rows.append(_bps("fragmentation, mean", spread.mean, "highest venue over lowest, weighted by time"))
        rows.append(_bps("fragmentation, largest", spread.percentiles[100], "highest venue over lowest"))
    slug = feed.replace("/", "-").lower()
    lines = (
        *(Line(venue, series) for venue, series in sorted(venues.items())),
        Line("index", index),
        Line("chain", served),
    )
    charts = (
        Chart(f"index-{slug}", f"{feed}: venues, index, chain", feed.partition("/")[2], lines),
        Chart(f"fragmentation-{slug}", f"{feed}: fragmentation of the venues", "bps", (Line("apart", apart),)),
    )
    return Section(f"Index quality: {feed}", tuple(rows), _drawn(*charts), "" if rows else "nothing was seen")


def exclusions_section(names: list[str], read: Read) -> Section:
    rows = []
    for name in names:
        if name.startswith("out:"):
            _, feed, reason = name.split(":", 2)
            seconds = figures.held(read(name), read(f"chain:{feed}") or read(f"index:{feed}"))
            meaning = "markets left out, times how long, as the observed reporter had it"
            rows.append(Figure(f"{feed}: {reason}", f"{seconds / _HOUR_S:.3f}", "market hours", meaning))
    return Section("Exclusions by reason", tuple(rows), missing="" if rows else "no market was left out, or none seen")


def keeper_section(trades: list[TradeRecord] | None, quote: tuple[str, int] | None) -> Section:
    """`quote`: symbol and decimals of what profits are counted in; None where the chain was not asked."""
    if trades is None:
        return Section("Keeper", (), missing="no keeper's journal was given (--keeper-journal)")
    unit, decimals = quote if quote is not None else ("base units of the quote token", 0)

    def money(name: str, amount: int, meaning: str) -> Figure:
        return Figure(name, f"{Decimal(format_units(amount, decimals)):,}", unit, meaning)

    done = [trade for trade in trades if not trade.reverted]
    profit, gas = sum(trade.profit for trade in trades), sum(trade.gas_cost for trade in trades)
    return Section(
        "Keeper",
        (
            Figure("trades", f"{len(done)}", "", "mined and not reverted"),
            Figure("reverted", f"{len(trades) - len(done)}", "", "mined, reverted, paid for"),
            money("profit before gas", profit, "at the oracle's prices of that moment"),
            money("gas", gas, "at the configured price of the gas token"),
            money("profit and loss", profit - gas, "profit less gas"),
        ),
    )


def fees_section(chain: ChainReport | None) -> Section:
    if chain is None:
        return Section("Shares and fees", (), missing="no vault, or the chain was not asked (--no-chain)")
    rows = [
        Figure("minted", _shares(chain.minted), "shares", "to receivers, without fees"),
        Figure("redeemed", _shares(chain.redeemed), "shares", "given by callers"),
        Figure("mint and redeem fees", _shares(chain.fee_shares), "shares", "into the recipient's pending fees"),
    ]
    for recipient, shares in sorted(chain.collected.items()):
        rows.append(Figure(f"collected by {recipient}", _shares(shares), "shares", "with the streaming fee"))
    return Section("Shares and fees", tuple(rows))


def rebalancing_section(chain: ChainReport | None) -> Section:
    title = "Cost of rebalancing"
    if chain is None:
        return Section(title, (), missing="no vault, or the chain was not asked (--no-chain)")
    known = chain.rebalancing
    if not known.bids and not chain.step_gas.transactions:
        return Section(title, (), missing="nothing was proposed, opened, bid for or closed in the period")
    rows = [Figure("bids", f"{known.bids}", "", "parts of the index exchanged")]
    if known.unpriced:
        meaning = "the oracle's history reaches no further back: in none of the sums below"
        rows.append(Figure("bids without a price", f"{known.unpriced}", "", meaning))
    if known.gained_bps is not None:
        meaning = "what bidders paid beyond the oracle's price of that second; below zero: slippage of the index"
        rows += [
            Figure("turnover", f"{float(known.turnover):,.2f}", "USD", "sold, at the oracle's prices"),
            Figure("paid against the oracle", f"{float(known.gained):+,.4f}", "USD", meaning),
            _bps("paid against the oracle, of turnover", float(known.gained_bps), "the auction house takes no fee"),
        ]
    for name, gas, meaning in (
        ("gas of proposing, opening, closing", chain.step_gas, "paid by owner or rebalancer"),
        ("gas of bids", chain.bid_gas, "paid by the bidders"),
    ):
        told = f"{meaning}: {gas.transactions} transactions, {gas.used:,} gas"
        rows.append(Figure(name, format_units(gas.wei, _ETH_DECIMALS), "native coin", told))
    return Section(title, tuple(rows))


def yield_section(names: list[str], read: Read, chain: ChainReport | None) -> Section:
    """Of components that are ERC-4626 shares by their rate; of any other by what was swept into the backing."""
    rows = []
    for name in names:
        grown = figures.growth(read(name)) if name.startswith("rate:") else None
        if grown is not None:
            symbol = name.partition(":")[2]
            rows.append(_bps(f"{symbol}, rate", grown.grown_bps, f"assets a share, over {_span(grown.seconds)} seen"))
            rows.append(_bps(f"{symbol}, a year", grown.annual_bps, f"the same times {figures.YEAR_S:,} s / time seen"))
    for each in chain.swept if chain is not None else ():
        part = (
            f"{each.amount * figures.BPS / each.held:.3f} bps of what the index holds" if each.held else "all is gone"
        )
        amount = format_units(each.amount, each.decimals)
        rows.append(Figure(f"{each.symbol}, swept into the backing", amount, each.symbol, part))
    missing = "no component with a rate was seen, and no surplus became backing"
    return Section("Collateral yield", tuple(rows), missing="" if rows else missing)


def gas_section(chain: ChainReport | None) -> Section:
    if chain is None or not chain.gas:
        return Section("Gas by caller", (), missing="no round and no trade in the period, or the chain was not asked")
    rows = [Figure("rounds", f"{chain.rounds}", "", "stored on chain")]
    for caller, gas in sorted(chain.gas.items(), key=lambda each: -each[1].wei):
        meaning = f"{gas.transactions} transactions, {gas.used:,} gas"
        rows.append(Figure(caller, format_units(gas.wei, _ETH_DECIMALS), "native coin", meaning))
    return Section("Gas by caller", tuple(rows))


def utc(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: int) -> str:
    return f"{seconds / 60:.1f} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:.1f} h"


def _drawn(*charts: Chart) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if not chart.empty)


def _bps(name: str, value: float, meaning: str) -> Figure:
    return Figure(name, f"{value:,.3f}", "bps", meaning)


def _shares(amount: int) -> str:
    return format_units(amount, SHARE_DECIMALS)
