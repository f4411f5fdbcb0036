# SPDX-License-Identifier: AGPL-3.0-only
"""The page in a real browser: what it says, that it lives, what it does when something is broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Served, Visit
from tests.helpers.looks import AT_S, auction, healthy, venue

Open = Callable[..., Visit]
PRICE = "64,938.22"
ENDING = {"ends_at_s": AT_S + 14 * 86_400, "reason": "few trade it", "successor": None, "successor_feed": None}


def attention_of(look: dict[str, Any], *told: tuple[str, str]) -> dict[str, Any]:
    return look | {"attention": [{"level": level, "what": what} for level, what in told]}


def filled(served: Served, seconds: int = 120) -> None:
    for second in range(seconds):
        served.show(healthy(at_s=AT_S - seconds + second, btc=f"{64_900 + second % 50}.5"))
    served.show(healthy())


def test_page__tells_the_whole_path_of_the_price(served: Served, visit: Open) -> None:
    filled(served)
    opened = visit(served.url)
    page = opened.page
    expect(page.get_by_role("heading", level=1)).to_have_text("All well")
    expect(page.locator("#hero")).to_contain_text(PRICE)
    venues = page.get_by_role("table", name="Markets of BTC/USD")
    expect(venues.get_by_role("row", name="kraken BTC/USD")).to_contain_text(PRICE)
    expect(venues.get_by_role("row", name="kraken BTC/USD")).to_contain_text("33.3 %")
    expect(page.locator("#reporters-lead")).to_contain_text("4 of 4 reporters sign; a round of BTC/USD needs 3")
    expect(page.get_by_role("table", name="Reporters against the median")).to_contain_text("+0.25 bps")
    expect(page.locator("#rounds-lead")).to_contain_text("Round 23 of 2026-11-21")
    expect(page.locator("#share-lead")).to_contain_text("worth 136.6308 USD and trades at 136.5321 USD")
    expect(page.get_by_role("img", name="Premium -7.2 bps, inside the band from -10 bps to +10 bps")).to_be_visible()
    expect(page.get_by_role("table", name="Components of a share")).to_contain_text("47.5 %")
    expect(page.locator("#keeper-lead")).to_contain_text("21 trades brought 2,196.90 USDC")
    expect(page.locator("#auction-lead")).to_contain_text("No rebalance is proposed or open")
    expect(page.locator(".u-over")).to_have_count(5)
    reporters = page.get_by_role("group", name="Reporters off the median, bps.")
    expect(reporters).to_have_attribute(
        "aria-label", re.compile("Last: reporter-1 -0.25, reporter-2 0.00, reporter-3 0.25")
    )
    opened.picture("page-wide")
    assert opened.complaints == []
    assert {url.split("/")[2] for url in opened.requests} == {f"127.0.0.1:{served.port}"}


def test_rebalance__its_price_what_is_filled_and_the_time_left__until_it_is_over(served: Served, visit: Open) -> None:
    look = healthy()
    look["vault"] |= {"auction": auction()}
    served.show(look)
    opened = visit(served.url)
    page = opened.page
    lead = page.locator("#auction-lead")
    expect(lead).to_have_text(
        "Open, 30 min left. A bid pays +12 bps against the oracle, falling to -50 bps; 3 bids so far."
    )
    lots = page.get_by_role("table", name="Components of the rebalance")
    expect(lots.get_by_role("row", name="USDC")).to_have_text("USDCleaves1,2501,25050.0 %")
    pairs = page.get_by_role("table", name="The largest bid of each pair now")
    expect(pairs.get_by_role("row", name="USDC for EURC")).to_contain_text("+12 bps")
    opened.picture("page-rebalance")
    stale = auction()
    stale["pairs"][0] |= {"sold": None, "bought": None, "reason": "oracle: stale"}
    served.show(healthy(at_s=AT_S + 1) | {"vault": look["vault"] | {"auction": stale}})
    expect(pairs.locator("[data-state=bad]")).to_have_text("oracle: stale")
    served.show(healthy(at_s=AT_S + 2) | {"vault": look["vault"] | {"auction": auction("over")}})
    expect(lead).to_contain_text("Over: no bids since 2026-11-21")
    expect(pairs).to_have_count(0)
    served.show(healthy(at_s=AT_S + 3) | {"vault": look["vault"] | {"auction": auction("proposed") | {"paused": True}}})
    expect(lead).to_contain_text("Proposed: may be opened from 2026-11-21")
    expect(lead).to_contain_text("Auctions are paused.")
    assert opened.complaints == []


def test_ending_feed_and_claims__are_said_where_they_belong(served: Served, visit: Open) -> None:
    look = healthy()
    look["oracle"]["feeds"][1]["notice"] = ENDING
    look["vault"]["components"][0]["claims"] = "0.00250000"
    served.show(look)
    opened = visit(served.url)
    feeds = opened.page.get_by_role("table", name="Feeds as the oracle serves them")
    expect(feeds.get_by_role("row", name="USDC/USD")).to_contain_text("served; ends 2026-12-05 ")
    expect(opened.page.locator("#basket-lead")).to_contain_text("Holders who left WBTC behind have claims on it.")
    expect(opened.page.get_by_role("table", name="Components of a share")).to_contain_text("0.0025")
    assert opened.complaints == []


def test_new_look__is_shown_without_a_reload(served: Served, visit: Open) -> None:
    served.show(healthy())
    opened = visit(served.url)
    expect(opened.page.locator("#hero")).to_contain_text(PRICE)
    served.show(healthy(at_s=AT_S + 1, btc="70000.12000000"))
    expect(opened.page.locator("#hero")).to_contain_text("70,000.12")
    expect(opened.page.locator("#live")).to_have_attribute("data-state", "live")
    assert opened.complaints == []


def test_killed_venue__turns_red_with_its_reason__and_back(served: Served, visit: Open) -> None:
    served.show(healthy())
    opened = visit(served.url)
    row = opened.page.get_by_role("row", name="kraken BTC/USD")
    expect(row).to_have_attribute("data-state", "in")
    dead = healthy(at_s=AT_S + 1)
    dead["venues"][0] = venue("kraken", "Connect call failed ('127.0.0.1', 9)")
    dead["observed"][0]["contributions"][0] |= {"included": False, "reason": "stale"}
    served.show(attention_of(dead, ("warn", "kraken is out: Connect call failed.")))
    expect(row).to_have_attribute("data-state", "bad")
    expect(row).to_contain_text("no connection: Connect call failed ('127.0.0.1', 9)")
    color = row.locator(".state").evaluate("cell => getComputedStyle(cell).color")
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    assert red > 150 > max(green, blue), color
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Working, with one thing to look at")
    expect(opened.page.locator("#attention")).to_have_text("kraken is out: Connect call failed.")
    opened.picture("page-venue-out")
    other = dead["observed"][0]["contributions"][0] | {"symbol": "BTC/EUR"}
    dead["observed"][0]["contributions"].append(other)
    served.show(dead | {"at_s": AT_S + 2})
    expect(opened.page.get_by_role("row", name="kraken BTC/EUR").locator(".state")).to_have_text("no connection")
    served.show(healthy(at_s=AT_S + 3))
    expect(row).to_have_attribute("data-state", "in")
    assert opened.complaints == []


def test_feed__is_chosen_with_the_keyboard_and_remembered(served: Served, visit: Open) -> None:
    filled(served)
    opened = visit(served.url)
    page = opened.page
    page.get_by_role("radio", name="BTC/USD").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("table", name="Markets of USDC/USD")).to_be_visible()
    page.reload()
    expect(page.get_by_role("table", name="Markets of USDC/USD")).to_be_visible()
    expect(page.get_by_role("radio", name="USDC/USD")).to_be_checked()
    assert opened.complaints == []


def test_chart__hover_tells_units_and_utc__arrows_do_the_same(served: Served, visit: Open) -> None:
    filled(served)
    page = visit(served.url).page
    chart = page.locator("#chart-share")
    over = chart.locator(".u-over")
    over.hover()
    legend = chart.locator(".u-legend")
    expect(legend).to_contain_text(re.compile(r"2026-11-21 \d\d:\d\d:\d\d UTC"))
    expect(legend).to_contain_text("136.6308 USD")
    page.mouse.move(0, 0)
    chart.focus()
    page.keyboard.press("Home")
    expect(page.locator("#said")).to_have_text(re.compile(r"^2026-11-21 .* UTC: pool price 136\.5321 USD, NAV"))


def test_charts__show_the_same_moment_under_one_cursor(served: Served, visit: Open) -> None:
    filled(served)
    opened = visit(served.url)
    opened.page.locator("#chart-share .u-over").hover()
    told = opened.page.locator(".u-legend .u-series:first-child .u-value")
    expect(told).to_have_count(5)
    moments = set(told.all_inner_texts())
    assert len(moments) == 1
    assert moments != {"2026-11-21 07:04:40 UTC"}
    assert opened.complaints == []


def test_chart__of_the_first_look__spans_seconds_not_years(served: Served, visit: Open) -> None:
    served.show(healthy())
    page = visit(served.url).page
    expect(page.locator(".u-over")).to_have_count(5)
    scales = page.evaluate(
        "Object.values(plumblineCharts()).map(chart => [chart.plot.scales.x.min, chart.plot.scales.x.max])"
    )
    assert scales == [[AT_S - 10, AT_S]] * 5


def test_chart__zoom_by_dragging_asks_for_that_time__escape_ends_it(served: Served, visit: Open) -> None:
    filled(served, 600)
    opened = visit(served.url)
    page = opened.page
    over = page.locator("#chart-share .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, y, steps=4)
    with page.expect_request(re.compile(r"/api/history\?.*from=\d+&to=\d+")) as asked:
        page.mouse.up()
    start, end = (int(number) for number in re.findall(r"(?:from|to)=(\d+)", asked.value.url))
    assert 100 <= end - start <= 200
    page.locator("#chart-share").focus()
    with page.expect_request(re.compile(r"/api/history")) as again:
        page.keyboard.press("Escape")
    assert "to=" not in again.value.url
    assert opened.complaints == []


@pytest.mark.parametrize(
    ("missing", "place", "said"),
    [
        ({"vault": None, "pool": None}, "#share-lead", "No vault is named in the config"),
        ({"pool": None}, "#share-lead", "No pool is named in the config"),
        ({"keeper": None, "trades": None}, "#keeper-lead", "No keeper is named in the config"),
        ({"reporters": [], "observer": None, "observed": [], "venues": []}, "#venues-lead", "No reporter is named"),
        (
            {"observer": None, "observed": [], "venues": []},
            "#venues-lead",
            "No reporter answers (reporter-1, reporter-2",
        ),
    ],
)
def test_what_is_missing__is_said_where_it_would_be(
    served: Served, visit: Open, missing: dict[str, Any], place: str, said: str
) -> None:
    served.show(healthy() | missing)
    opened = visit(served.url)
    expect(opened.page.locator(place)).to_contain_text(said)
    assert opened.complaints == []


def test_chain_lost__is_bad_news_first__and_what_is_still_known_stays(served: Served, visit: Open) -> None:
    gone = {"oracle": None, "vault": None, "pool": None, "trades": None, "block": None, "at_s": None}
    look = healthy() | gone | {"trouble": "http://127.0.0.1:1: ConnectError"}
    served.show(attention_of(look, ("bad", "The chain cannot be read: http://127.0.0.1:1: ConnectError.")))
    opened = visit(served.url)
    page = opened.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Not well")
    expect(page.locator("#rounds-lead")).to_have_text("The chain cannot be read: http://127.0.0.1:1: ConnectError.")
    expect(page.get_by_role("table", name="Markets of BTC/USD")).to_contain_text(PRICE)
    opened.picture("page-chain-lost")
    assert opened.complaints == []


def test_nothing_seen_yet__waits_in_words(served: Served, visit: Open) -> None:
    opened = visit(served.url)
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Waiting for the first look")
    served.show(healthy())
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("All well")


def test_server_gone_and_back__is_said__and_the_page_goes_on_by_itself(served: Served, visit: Open) -> None:
    served.show(healthy())
    opened = visit(served.url)
    live = opened.page.locator("#live")
    expect(live).to_have_attribute("data-state", "live")
    served.stop()
    expect(live).to_have_attribute("data-state", "lost")
    expect(live).to_contain_text(re.compile("connection lost|nothing heard"))
    again = Served()
    again.port = served.port
    again.start()
    try:
        again.show(healthy(at_s=AT_S + 60, btc="71000.00000000"))
        expect(opened.page.locator("#hero")).to_contain_text("71,000.00")
        expect(live).to_have_attribute("data-state", "live")
    finally:
        again.stop()


def test_what_a_node_says__stays_text(served: Served, visit: Open) -> None:
    nasty = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    look = healthy()
    look["venues"][0] = venue("kraken", nasty)
    look["reporters"][0]["trouble"] = nasty
    served.show(attention_of(look, ("warn", nasty)))
    opened = visit(served.url)
    expect(opened.page.locator("#attention")).to_have_text(nasty)
    assert opened.page.locator("main img, main script").count() == 0
    assert opened.page.title() == "Plumbline"


@pytest.mark.parametrize(("name", "width", "scheme"), [("phone", 360, "light"), ("phone-dark", 360, "dark")])
def test_phone__nothing_wider_than_the_screen(served: Served, visit: Open, name: str, width: int, scheme: str) -> None:
    filled(served)
    busy = healthy(at_s=AT_S + 1)
    busy["vault"] |= {"auction": auction()}
    busy["oracle"]["feeds"][1]["notice"] = ENDING
    served.show(busy)
    opened = visit(served.url, width=width, height=780, scheme=scheme)
    expect(opened.page.locator(".u-over")).to_have_count(5)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    for place in ("#reporters", "#rounds", "#basket", "#auction-lots", "#auction-pairs"):
        wider = "box => box.scrollWidth - box.clientWidth"
        assert opened.page.locator(place).evaluate(wider) <= 0, place
    opened.picture(f"page-{name}")
    assert opened.complaints == []


def test_wide__no_table_is_cut_off(served: Served, visit: Open) -> None:
    busy = healthy()
    busy["vault"] |= {"auction": auction()}
    large = {"held": "527661.825000", "per_share": "24.999997372640000", "usd_per_share": "24.9263", "claims": "0.25"}
    busy["vault"]["components"] = [busy["vault"]["components"][0] | large | {"symbol": "USDC", "feed": "USDC/USD"}]
    busy["observed"][0]["contributions"][0] |= {"included": False, "reason": "BTC/USD speaks for the venue"}
    served.show(busy)
    page = visit(served.url).page
    expect(page.get_by_role("table")).not_to_have_count(0)
    cut = "Array.from(document.querySelectorAll('.scroll')).filter(b => b.scrollWidth > b.clientWidth).map(b => b.id)"
    assert page.evaluate(cut) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text__has_enough_contrast_in_both_schemes(served: Served, visit: Open, scheme: str) -> None:
    served.show(healthy())
    page = visit(served.url, scheme=scheme).page
    expect(page.get_by_role("heading", level=1)).to_have_text("All well")
    names = ["ink", "soft", "good", "warn", "bad", "accent", "paper", "ground", "bad-ground"]
    script = "names => names.map(n => getComputedStyle(document.documentElement).getPropertyValue('--' + n).trim())"
    colors = dict(zip(names, page.evaluate(script, names), strict=True))
    for name in ("ink", "soft", "good", "warn", "bad"):
        for ground in ("paper", "ground"):
            assert contrast(colors[name], colors[ground]) >= 4.5, (scheme, name, ground)
    assert contrast(colors["bad"], colors["bad-ground"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05) of relative luminance."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
