# SPDX-License-Identifier: AGPL-3.0-only
"""propose_epoch, execute_epoch, cancel_epoch; what describes an epoch: feed, feed_index, reporters, epoch, terms."""

from __future__ import annotations

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import CAST, OWNER, ZERO, Feed, Guards, Terms, feeds
from tests.unit.oracle.conftest import PRICES, START_S, TERMS, Rounds

ADDRESSES = [signer.address for signer in rows.signers(7)]


def start(rounds: Rounds, new_feeds: list[Feed], signers: list[rows.Signer], faulty: int = 1) -> None:
    """Propose, wait, execute."""
    oracle = rounds.oracle
    oracle.propose_epoch(new_feeds, [signer.address for signer in signers], faulty, sender=OWNER)
    boa.env.evm.patch.timestamp = oracle.pending_at()
    oracle.execute_epoch(sender=OWNER)
    rounds.epoch += 1
    rounds.feeds, rounds.signers = new_feeds, signers
    rounds.timestamp = boa.env.evm.patch.timestamp // 5 * 5


def test_deploy__describes_what_it_was_given(rounds, oracle):
    assert (oracle.epoch(), oracle.feed_count(), oracle.faulty()) == (1, 4, 1)
    assert [tuple(oracle.feed(index)[:5]) for index in range(4)] == [tuple(feed[:5]) for feed in CAST]
    assert oracle.reporters() == ADDRESSES[:5]
    assert tuple(oracle.terms())[:-1] == tuple(TERMS)[:-1]
    assert (oracle.period(), oracle.FUTURE_TOLERANCE()) == (5, 15)
    assert oracle.DOMAIN_SEPARATOR() == rows.domain_separator(boa.env.evm.patch.chain_id, oracle.address)


def test_feed__every_field__is_what_was_registered():
    guards = Guards(2, 2**63 - 1, 3, 2**63 - 2, 1, 2**16 - 1, 2**16 - 1, 255, 2**32 - 1)
    odd = Feed("A name of thirty-two characters.", 18, 3, 2**32 - 1, 2**16 - 1, guards)
    oracle = Rounds([odd, *feeds(31)]).oracle
    assert tuple(oracle.feed(0)[:5]) == tuple(odd[:5])
    assert tuple(oracle.feed(0).guards) == guards
    assert oracle.feed(31).name == "F30/USD"


def test_feed_index__of_each_name__is_its_place(oracle):
    assert [oracle.feed_index(feed.name) for feed in CAST] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["", "BTC/US", "BTC/USDT", "btc/usd"])
def test_feed_index__of_an_unknown_name__reverts(oracle, name):
    with boa.reverts("oracle: unknown feed"):
        oracle.feed_index(name)


def test_propose_epoch__by_the_owner__is_announced_and_changes_nothing(rounds, oracle):
    oracle.propose_epoch(list(CAST), ADDRESSES, 1, sender=OWNER)
    (log,) = oracle.get_logs()
    assert (log.epoch, log.config, log.ready_at) == (2, oracle.pending_config(), START_S + 3_600)
    assert oracle.pending_at() == START_S + 3_600
    assert (oracle.epoch(), oracle.reporters()) == (1, ADDRESSES[:5])
    rounds.agree(*PRICES)


def test_execute_epoch__after_the_delay__starts_the_new_set(rounds, oracle):
    rounds.agree(*PRICES)
    oracle.propose_epoch(list(CAST), ADDRESSES, 0, sender=OWNER)
    config = oracle.pending_config()
    assert oracle.faulty() == 1
    boa.env.evm.patch.timestamp = oracle.pending_at()
    oracle.execute_epoch(sender=OWNER)

    (log,) = oracle.get_logs()
    assert (log.epoch, log.new_config) == (2, config)
    assert (oracle.epoch(), oracle.reporters(), oracle.faulty()) == (2, ADDRESSES, 0)
    assert (oracle.pending_config(), oracle.pending_at()) == (ZERO, 0)
    assert oracle.latest(0) == (1, PRICES[0], START_S + 5)


def test_epoch_started__names_the_set_it_takes_the_place_of(rounds, oracle):
    """From nothing at deployment, then each from the one before: whoever reads the logs has the whole chain of sets."""
    sets = [(log.old_config, log.new_config) for log in oracle.get_logs() if type(log).__name__ == "EpochStarted"]
    for reporters in (7, 6):
        start(rounds, list(CAST), rows.signers(reporters))
        sets += [(log.old_config, log.new_config) for log in oracle.get_logs()]
    oracle.remove_reporter(ADDRESSES[0], sender=OWNER)
    _, started = oracle.get_logs()
    sets.append((started.old_config, started.new_config))
    assert len(sets) == 4
    assert [old for old, _ in sets] == [ZERO, *(new for _, new in sets[:-1])]
    assert len({new for _, new in sets}) == 4


def test_execute_epoch__a_second_early__reverts(oracle):
    oracle.propose_epoch(list(CAST), ADDRESSES, 1, sender=OWNER)
    boa.env.evm.patch.timestamp = START_S + 3_599
    with boa.reverts("epoch: too early"):
        oracle.execute_epoch(sender=OWNER)


def test_execute_epoch__twice__reverts(rounds, oracle):
    start(rounds, list(CAST), rows.signers(7))
    with boa.reverts("epoch: nothing proposed"):
        oracle.execute_epoch(sender=OWNER)


def test_cancel_epoch__withdraws_the_proposal(oracle):
    oracle.propose_epoch(list(CAST), ADDRESSES, 1, sender=OWNER)
    config = oracle.pending_config()
    oracle.cancel_epoch(sender=OWNER)
    assert oracle.get_logs()[0].config == config
    boa.env.evm.patch.timestamp = START_S + 3_600
    for call in (oracle.execute_epoch, oracle.cancel_epoch):
        with boa.reverts("epoch: nothing proposed"):
            call(sender=OWNER)


def test_epochs__by_anybody_else__revert(oracle, stranger):
    for call in (
        lambda: oracle.propose_epoch(list(CAST), ADDRESSES, 1, sender=stranger),
        lambda: oracle.execute_epoch(sender=stranger),
        lambda: oracle.cancel_epoch(sender=stranger),
    ):
        with boa.reverts("owner: caller is not the owner"):
            call()


def test_new_epoch__rows_of_the_old_one__are_void(rounds, oracle):
    start(rounds, list(CAST), rows.signers(7))
    with boa.reverts("oracle: signature"):
        rounds.submit(rounds.bundle(PRICES, PRICES, PRICES, epoch=1))
    rounds.submit(rounds.bundle(PRICES, PRICES, PRICES, by=(5, 6, 7)))
    assert oracle.price(0, 0) == PRICES[0]


@pytest.mark.parametrize("before", [1, 2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("more", [0, 1, 2, 4, 5])
def test_new_epoch__with_feeds_appended__keeps_every_answer(before, more):
    rounds = Rounds(feeds(before))
    rounds.agree(*[1_000 + feed for feed in range(before)])
    rounds.agree(*[1_100 + feed for feed in range(before)])
    start(rounds, feeds(before + more), rounds.signers)
    oracle = rounds.oracle

    assert [oracle.latest(feed) for feed in range(before)] == [
        (2, 1_100 + feed, START_S + 10) for feed in range(before)
    ]
    assert oracle.round_data(before - 1, 2) == (1_100 + before - 1, START_S + 10)
    for feed in range(before, before + more):
        with boa.reverts("oracle: no quorum yet"):
            oracle.latest(feed)
    rounds.agree(*[1_200 + feed for feed in range(before + more)])
    answers = [oracle.latest(feed)[:2] for feed in range(before + more)]
    assert answers == [(3, 1_200 + feed) for feed in range(before + more)]
    assert oracle.round_data(0, 2) == (1_100, START_S + 10)


def test_new_epoch__that_moves_the_header__begins_the_history_anew():
    rounds = Rounds(feeds(3))
    for price in (1_000, 1_001):
        rounds.agree(price, price, price)
    start(rounds, feeds(4), rounds.signers)
    assert rounds.oracle.round_data(2, 2) == (1_001, START_S + 10)
    with boa.reverts("oracle: round not in history"):
        rounds.oracle.round_data(2, 1)
    with boa.reverts("oracle: no answer in round"):
        rounds.oracle.round_data(3, 2)


def test_new_epoch__while_a_feed_is_missing__keeps_its_answer(rounds, oracle):
    rounds.agree(*PRICES)
    rounds.agree(0, *PRICES[1:])
    start(rounds, [*CAST, Feed("ETH/USD")], rounds.signers)
    assert oracle.latest(0) == (1, PRICES[0], START_S + 5)
    rounds.agree(0, *PRICES[1:], 7)
    assert oracle.latest(0) == (1, PRICES[0], START_S + 5)
    assert oracle.latest(4)[:2] == (3, 7)


def test_new_epoch__while_paused__stays_paused(rounds, oracle):
    rounds.agree(*PRICES)
    oracle.pause(sender=OWNER)
    start(rounds, list(CAST), rounds.signers)
    with boa.reverts("oracle: paused"):
        oracle.price(0, 10**6)


# ----------------------------------------------------------- registration

BAD_FEEDS = {
    "feed: name is empty": {"name": ""},
    "feed: decimals above 18": {"decimals": 19},
    "feed: quorum below 2 faulty + 1": {"quorum": 2},
    "feed: quorum above reporters": {"quorum": 6},
    "feed: heartbeat is 0": {"heartbeat": 0},
    "feed: deviation is 0": {"deviation_bps": 0},
}
BAD_GUARDS = {
    "feed: min price is 0": {"min_price": 0, "first_min_price": 0},
    "feed: first price below min": {"min_price": 2},
    "feed: first price band is empty": {"first_min_price": 9, "first_max_price": 8},
    "feed: first price above max": {"max_price": 2**63 - 2},
    "feed: max price above 2**63 - 1": {"max_price": 2**63},
    "feed: step is 0": {"step_bps": 0},
    "feed: step above its cap": {"step_bps": 10_001},
    "feed: confirm rounds below 2": {"confirm_rounds": 1},
}


@pytest.mark.parametrize(("reason", "change"), BAD_FEEDS.items(), ids=BAD_FEEDS)
def test_registration__of_a_bad_feed__names_what_is_wrong(reason, change):
    with boa.reverts(reason):
        Rounds([CAST[0], CAST[1]._replace(**change)])


@pytest.mark.parametrize(("reason", "change"), BAD_GUARDS.items(), ids=BAD_GUARDS)
def test_registration__of_bad_guards__names_what_is_wrong(reason, change):
    with boa.reverts(reason):
        Rounds([CAST[0], CAST[1]._replace(guards=Guards()._replace(**change))])


def test_registration__of_the_same_name_twice__reverts():
    with boa.reverts("feed: name is taken"):
        Rounds([CAST[0], CAST[1], CAST[0]])


def test_registration__of_no_feed__reverts():
    with boa.reverts("feeds: none"):
        Rounds([])


def test_registration__against_more_liars_than_reporters_can_outvote__reverts():
    with boa.reverts("feed: quorum below 2 faulty + 1"):
        Rounds(feeds(1, quorum=31), reporters=31, faulty=16)
    with boa.reverts("feed: quorum below 2 faulty + 1"):
        Rounds(feeds(1, quorum=31), reporters=31, faulty=2**255)


@pytest.mark.parametrize(
    ("reporters", "reason"),
    [
        ([], "reporters: none"),
        ([*ADDRESSES[:4], ZERO], "reporter: zero address"),
        ([*ADDRESSES[:4], ADDRESSES[0]], "reporter: named twice"),
    ],
)
def test_registration__of_bad_reporters__names_what_is_wrong(oracle, reporters, reason):
    with boa.reverts(reason):
        oracle.propose_epoch(list(CAST), reporters, 1, sender=OWNER)


@pytest.mark.parametrize(
    ("new_feeds", "reason"),
    [
        (CAST[:3], "feeds: one is missing"),
        ((CAST[1], CAST[0], *CAST[2:]), "feed: name changed"),
        ((*CAST[:3], CAST[3]._replace(decimals=6)), "feed: decimals changed"),
    ],
)
def test_propose_epoch__that_changes_what_an_index_means__reverts(oracle, new_feeds, reason):
    with boa.reverts(reason):
        oracle.propose_epoch(list(new_feeds), ADDRESSES, 1, sender=OWNER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"period": 0, "max_lateness": 0}, "terms: period is 0"),
        ({"history": 2_048}, "terms: history out of range"),
        ({"history": 131_072}, "terms: history out of range"),
        ({"history": 5_000}, "terms: history not a power of 2"),
        ({"max_lateness": 4}, "terms: lateness below period"),
        ({"max_lateness": 86_401}, "terms: lateness above a day"),
        ({"delay": 30 * 86_400 + 1}, "terms: delay above 30 days"),
    ],
)
def test_deploy__on_bad_terms__names_what_is_wrong(change, reason):
    with boa.reverts(reason):
        Rounds(terms=Terms()._replace(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"history": 65_536},
        {"max_lateness": 5},
        {"max_lateness": 86_400},
        {"delay": 30 * 86_400},
        {"delay": 0},
        {"period": 1},
        {"twap": True},
    ],
    ids=str,
)
def test_deploy__on_terms_at_their_edges__keeps_them(change):
    rounds = Rounds(terms=Terms()._replace(**change))
    assert tuple(rounds.oracle.terms())[:-1] == tuple(rounds.terms)[:-1]
    rounds.agree(*PRICES)


def test_data_contract__called_by_anybody__does_nothing(oracle):
    oracle.propose_epoch(list(CAST), ADDRESSES, 1, sender=OWNER)
    config = oracle.pending_config()
    code = boa.env.get_code(config)
    assert code[0] == 0
    assert not boa.env.execute_code(to_address=config, data=b"\x01").is_error
    assert boa.env.get_code(config) == code
