// SPDX-License-Identifier: AGPL-3.0-only
// One look drawn as text and tables. Builds elements, never markup from strings: what nodes say stays text.

import { NONE, age, amount, bps, clock, day, fixed, price, short, signed, utc } from "./format.js";

// Of rounds and trades; the JSON has more.
const LISTED = 10;

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (key === "data-state" || key.startsWith("aria-") || key === "role" || key === "scope" || key === "data-level") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const put = (id, ...children) => document.getElementById(id).replaceChildren(...children.flat());
const empty = (text) => h("p", { className: "empty" }, text);
const state = (kind, text) => h("td", { className: "text state", "data-state": kind }, text);

function table(caption, heads, rows) {
  return h("table", {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col", className: head.text ? "text" : head.more ? "more" : "" }, head.text ?? head.more ?? head)))),
    h("tbody", {}, rows));
}

const text = (name) => ({ text: name });
// A column that a phone does without.
const more = (name) => ({ more: name });
const cell = (value) => {
  if (value instanceof Node) return value;
  return value?.more === undefined ? h("td", {}, value) : h("td", { className: "more", title: value.title }, value.more);
};
const cells = (values) => values.map(cell);
const row = (name, values, kind) => h("tr", { "data-state": kind }, h("th", { scope: "row" }, name), cells(values));

export function render(look, feed) {
  verdict(look);
  hero(look, feed);
  venues(look, feed);
  reporters(look, feed);
  rounds(look);
  share(look);
  basket(look);
  auction(look);
  keeper(look);
}

function verdict(look) {
  const bad = look.attention.filter((each) => each.level === "bad").length;
  const warn = look.attention.length - bad;
  const title = bad ? "Not well" : warn ? `Working, with ${warn === 1 ? "one thing" : `${warn} things`} to look at` : "All well";
  const heading = document.getElementById("verdict-title");
  if (heading.textContent !== title) heading.textContent = title;
  document.title = bad ? "✕ Plumbline: not well" : "Plumbline";
  // Spoken when it changes, so it is touched only then.
  const list = document.getElementById("attention");
  const told = look.attention.map((each) => each.what).join("\n");
  if (list.dataset.told !== told) {
    list.dataset.told = told;
    list.replaceChildren(...look.attention.map((each) => h("li", { "data-level": each.level }, each.what)));
  }
  put("where", look.block === null ? "no block seen" : `block ${look.block.toLocaleString("en-US")}, ${utc(look.at_s)}`);
}

function hero(look, feed) {
  const box = (what, value, unit, note) =>
    h("div", {}, h("div", { className: "what" }, what), h("div", { className: "value" }, value, unit && value !== NONE ? h("small", {}, unit) : []), h("div", { className: "note" }, note));
  const { oracle, vault, pool, trades } = look;
  const boxes = [];
  const served = oracle?.feeds.find((each) => each.name === feed);
  if (served) boxes.push(box(`${feed} on chain`, price(served.price), feed.split("/")[1], served.price === null ? served.reason : `${age(served.age_s)} old`));
  if (oracle) boxes.push(box("Last round", oracle.round_id ? oracle.round_id.toLocaleString("en-US") : NONE, "", oracle.round_id ? `${age(oracle.round_age_s)} old` : "none yet"));
  if (vault) boxes.push(box(`NAV of ${vault.symbol}`, vault.nav ? fixed(Number(vault.nav), 4) : NONE, "USD", vault.nav ? "a share, by the oracle" : vault.reason));
  if (pool) boxes.push(box("Pool price", pool.price ? fixed(Number(pool.price), 4) : NONE, "USD", pool.price ? "a share, as it trades" : pool.reason));
  if (pool && pool.premium_ppm !== null) boxes.push(box("Premium", signed(pool.premium_ppm / 100), "bps", pool.in_band ? "inside the band" : "outside the band"));
  if (trades) boxes.push(box("Keeper's profit", trades.profit ? fixed(Number(trades.profit), 2) : NONE, trades.quote, `${trades.count} ${trades.count === 1 ? "trade" : "trades"}, before gas`));
  put("hero", boxes);
}

function venues(look, feed) {
  const observed = look.observed.find((each) => each.name === feed);
  if (!look.observer) {
    const named = look.reporters.map((each) => each.name).join(", ");
    put("venues-lead", named ? `No reporter answers (${named}), so nobody says what the venues do.` : "No reporter is named in the config ([[reporters]]), so nobody says what the venues do.");
    put("venues");
    return;
  }
  const quote = feed?.split("/")[1] ?? "";
  const index = observed?.price ?? null;
  put("venues-lead",
    index !== null ? [h("strong", {}, `${feed} ${price(index)}`), ` is what ${look.observer} makes of them`, observed.at_ms ? `, at ${clock(observed.at_ms / 1000)} UTC.` : "."]
      : `${look.observer} has no price of ${feed}: ${observed?.reason || "not observed yet"}.`);
  const connected = new Map(look.venues.map((venue) => [venue.name, venue]));
  const weighed = observed?.contributions.some((each) => each.weight_bps !== null);
  const told = new Set();
  const rows = (observed?.contributions ?? []).map((each) => {
    const venue = connected.get(each.venue);
    const value = each.converted ?? each.price;
    const off = value !== null && index !== null ? (Number(value) / Number(index) - 1) * 10_000 : null;
    const down = venue && !venue.connected;
    const kind = down ? "bad" : each.included ? "in" : "out";
    // A venue has many markets, and one reason: it is said beside the first of them.
    const alone = told.has(each.venue) ? "no connection" : `no connection: ${venue?.reason || "unknown"}`;
    told.add(each.venue);
    const why = down ? alone : each.included ? "in" : `out: ${each.reason}`;
    const weight = weighed ? [more(each.included && each.weight_bps !== null ? `${fixed(each.weight_bps / 100, 1)} %` : NONE)] : [];
    return row(`${each.venue} ${each.symbol}`, [price(value), more(bps(off)), more(each.age_ms === null ? NONE : age(each.age_ms / 1000)), ...weight, state(kind, why)], kind);
  });
  put("venues", rows.length ? table(`Markets of ${feed}`, [text("Market"), `Price, ${quote}`, more("Off the index"), more("Age"), ...(weighed ? [more("Weight")] : []), text("In or out, and why")], rows) : empty("No market observed yet."));
}

function reporters(look, feed) {
  if (!look.reporters.length) {
    put("reporters-lead", "No reporter is named in the config ([[reporters]]).");
    put("reporters");
    return;
  }
  const answered = look.reporters.filter((each) => !each.trouble).length;
  const quorum = look.oracle?.feeds.find((each) => each.name === feed)?.quorum;
  put("reporters-lead", h("strong", {}, `${answered} of ${look.reporters.length} reporters`), ` sign${quorum ? `; a round of ${feed} needs ${quorum}` : ""}. Each is told against the median of all rows for its round.`);
  const widest = Math.max(1, ...look.reporters.map((each) => Math.abs(each.off_bps[feed] ?? 0)));
  const rows = look.reporters.map((each) => {
    const off = each.off_bps[feed] ?? null;
    const offset = h("td", {}, bps(off, 2));
    if (off !== null) {
      const dot = h("i");
      dot.style.left = `${50 + (45 * off) / widest}%`;
      offset.append(h("span", { className: "off", "aria-hidden": "true" }, dot));
    }
    return row(each.name, [offset, more(clock(each.round_at_s)), { more: short(each.address), title: each.address }, state(each.trouble ? "bad" : "in", each.trouble || "signs")], each.trouble ? "bad" : "in");
  });
  put("reporters", table(`Reporters against the median of ${feed}`, [text("Reporter"), "Off the median", more("Round of, UTC"), more("Key"), text("State")], rows));
}

function rounds(look) {
  const oracle = look.oracle;
  if (!oracle) {
    put("rounds-lead", look.trouble ? `The chain cannot be read: ${look.trouble}.` : "Not read yet.");
    put("rounds"); put("round-list");
    return;
  }
  put("rounds-lead", oracle.paused ? h("strong", {}, "Paused: no round is taken and no price served.")
    : oracle.round_id ? [h("strong", {}, `Round ${oracle.round_id.toLocaleString("en-US")}`), ` of ${utc(oracle.round_at_s)}, ${age(oracle.round_age_s)} old. Epoch ${oracle.epoch}, ${oracle.reporters.length} reporters, a round at most every ${oracle.period_s} s.`]
      : "No round yet: the first comes when a quorum of reporters has signed.");
  put("rounds", table("Feeds as the oracle serves them", [text("Feed"), "Served", "Age", more("Heartbeat"), more("Deviation"), more("Round"), text("State")], oracle.feeds.map((feed) => {
    const late = feed.age_s !== null && feed.age_s > feed.heartbeat_s + oracle.period_s;
    const kind = feed.price === null ? "bad" : late || feed.notice ? "warn" : "in";
    const ends = feed.notice ? `; ${feed.notice.ends_at_s > look.at_s ? "ends" : "ended"} ${day(feed.notice.ends_at_s)}` : "";
    const why = `${feed.price === null ? feed.reason : late ? "older than its heartbeat" : "served"}${ends}`;
    return row(feed.name, [h("td", { title: feed.price ?? "" }, price(feed.price)), age(feed.age_s), more(`${feed.heartbeat_s} s`), more(`${feed.deviation_bps} bps`), more(feed.round_id ?? NONE), state(kind, why)], kind === "bad" ? "bad" : "in");
  })));
  put("round-list", oracle.rounds.length ? table("Last rounds", [text("Round"), "Signed for, UTC", "Block", more("Relayer"), more("Transaction")], oracle.rounds.slice(-LISTED).reverse().map((each) =>
    row(each.round_id, [utc(each.timestamp), each.block, { more: short(each.relayer), title: each.relayer }, { more: short(each.tx_hash), title: each.tx_hash }]))) : empty("No round since the first block that is looked at."));
}

function share(look) {
  const { vault, pool } = look;
  if (!vault) {
    put("share-lead", look.trouble ? "Unknown while the chain cannot be read." : "No vault is named in the config (vault = \"0x...\").");
    put("gauge");
    return;
  }
  if (!pool) {
    put("share-lead", vault.nav ? [h("strong", {}, `${fixed(Number(vault.nav), 4)} USD`), " a share. No pool is named in the config (pool = \"0x...\"), so there is no market price beside it."] : `No value: ${vault.reason}.`);
    put("gauge");
    return;
  }
  put("share-lead", vault.nav && pool.price
    ? ["A share is worth ", h("strong", {}, `${fixed(Number(vault.nav), 4)} USD`), " and trades at ", h("strong", {}, `${fixed(Number(pool.price), 4)} USD`), ` (${fixed(Number(pool.price_in_quote), 4)} ${pool.quote}).`]
    : `No comparison: ${vault.nav ? pool.reason : vault.reason}.`);
  put("gauge", pool.premium_ppm === null ? [] : gauge(pool));
}

function gauge(pool) {
  const [low, high, premium] = [pool.band_low_ppm / 100, pool.band_high_ppm / 100, pool.premium_ppm / 100];
  const reach = 1.15 * Math.max(2.5 * high, -2.5 * low, Math.abs(premium));
  const at = (value) => `${50 + (50 * value) / reach}%`;
  const said = `Premium ${bps(premium)}, ${pool.in_band ? "inside" : "outside"} the band from ${bps(low, 0)} to ${bps(high, 0)}`;
  const inside = h("div", { className: "inside" });
  inside.style.left = at(low);
  inside.style.width = `${(50 * (high - low)) / reach}%`;
  const mark = h("div", { className: "mark" }, h("b", {}, bps(premium)));
  mark.style.left = at(Math.max(-reach, Math.min(reach, premium)) * 0.94);
  const ticks = [[low, bps(low, 0)], [0, "NAV"], [high, bps(high, 0)]].map(([value, label]) => {
    const tick = h("span", { className: "tick" }, label);
    tick.style.left = at(value);
    return tick;
  });
  return h("div", { className: "gauge", role: "img", "aria-label": said, "data-state": pool.in_band ? "in" : "warn" }, h("div", { className: "track" }), inside, ticks, mark);
}

function basket(look) {
  const vault = look.vault;
  if (!vault) {
    put("basket-lead", look.trouble ? "Unknown while the chain cannot be read." : "No vault is named in the config.");
    put("basket");
    return;
  }
  const owed = vault.components.filter((each) => Number(each.claims));
  const claims = owed.length ? `Holders who left ${owed.map((each) => each.symbol).join(", ")} behind have claims on it.` : "Nobody has a claim.";
  put("basket-lead", h("strong", {}, `${amount(vault.supply, 2)} ${vault.symbol}`), ` outstanding${vault.paused ? ", paused: no mints" : ""}. Fees: ${vault.mint_fee_bps} bps to mint, ${vault.redeem_fee_bps} to redeem, ${vault.streaming_fee_bps} a year; ${amount(vault.pending_fees)} pending. ${claims}`);
  put("basket", table("Components of a share", [text("Token"), "A share holds", more("Worth, USD"), "Weight", more("Vault holds"), "Claims", more("Priced by")], vault.components.map((each) =>
    row(each.symbol, [h("td", { title: each.per_share }, amount(each.per_share, 6)), more(each.usd_per_share === null ? NONE : fixed(Number(each.usd_per_share), 4)), each.weight_bps === null ? NONE : `${fixed(each.weight_bps / 100, 1)} %`, { more: amount(each.held, Number(each.held) < 1_000 ? 2 : 0), title: each.held }, Number(each.claims) ? amount(each.claims) : "none", more(each.feed)]))));
}

const SIDES = { leaves: "leaves", comes: "comes in", done: "done" };

function auction(look) {
  const auction = look.vault?.auction;
  if (!auction) {
    put("auction-lead", look.vault ? "No rebalance is proposed or open: a share goes on holding what it holds." : look.trouble ? "Unknown while the chain cannot be read." : "No vault is named in the config.");
    put("auction-lots"); put("auction-pairs");
    return;
  }
  const off = auction.factor_bps === null ? null : auction.factor_bps - 10_000;
  const said = auction.state === "proposed" ? [h("strong", {}, "Proposed"), `: may be opened from ${utc(auction.starts_at_s)} to ${utc(auction.ends_at_s)}.`]
    : auction.state === "over" ? [h("strong", {}, "Over"), `: no bids since ${utc(auction.ends_at_s)}, and not closed yet.`]
      : [h("strong", {}, "Open"), ", ", h("strong", {}, `${age(auction.left_s)} left`), off === null ? "; no bid is taken now." : `. A bid pays ${bps(off, 0)} against the oracle, falling to ${bps(auction.floor_bps - 10_000, 0)}; ${auction.bids} ${auction.bids === 1 ? "bid" : "bids"} so far.`];
  put("auction-lead", said, auction.paused ? h("strong", {}, " Auctions are paused.") : []);
  put("auction-lots", auction.lots.length ? table("Components of the rebalance", [text("Token"), text("Side"), "Left to trade", more("Traded"), "Filled"], auction.lots.map((each) =>
    row(each.symbol, [h("td", { className: "text" }, SIDES[each.side]), h("td", { title: each.left }, amount(each.left)), { more: amount(each.traded), title: each.traded }, `${fixed(each.filled_bps / 100, 1)} %`]))) : empty("Nothing is left to trade."));
  put("auction-pairs", auction.pairs.length ? table("The largest bid of each pair now", [text("Pair"), "Bidder gets", "Bidder pays", more("Against the oracle")], auction.pairs.map((each) =>
    row(`${each.sell} for ${each.buy}`, [amount(each.sold), amount(each.bought), each.reason ? state("bad", each.reason) : more(bps(off, 0))]))) : "");
}

function keeper(look) {
  const { keeper: node, trades } = look;
  if (!trades && !node) {
    put("keeper-lead", "No keeper is named in the config (keeper = \"http://...\", arbitrageur = \"0x...\").");
    put("trades");
    return;
  }
  const said = [];
  if (node) said.push(node.trouble ? h("strong", {}, `The keeper ${node.trouble}. `) : ["Last look: ", h("strong", {}, node.unready || node.said || "none yet"), ". "]);
  if (trades) said.push(trades.count ? [`${trades.count} trades brought `, h("strong", {}, `${fixed(Number(trades.profit), 2)} ${trades.quote}`), " before gas, at the oracle's prices."] : "No trade yet: the price has not left the band, or nobody was there to bring it back.");
  put("keeper-lead", said.flat());
  put("trades", trades?.recent.length ? table("Last trades", [text("Time, UTC"), text("Took a"), "Shares", `Profit, ${trades.quote}`, more("Block"), more("Transaction")], trades.recent.slice(-LISTED).reverse().map((each) =>
    row(utc(each.at_s), [h("td", { className: "text" }, each.side), amount(each.shares, 2), fixed(Number(each.profit), 2), more(each.block), { more: short(each.tx_hash), title: each.tx_hash }]))) : empty("None yet."));
}
