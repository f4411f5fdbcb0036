# SPDX-License-Identifier: AGPL-3.0-only
"""The oracle against an independent model: rounds good and bad, time, epochs with other rules, an L2's sequencer.
docs/invariants.md has the invariants.

2,000 sequences of 60 steps, cut into parts so that they can run side by side; PLUMBLINE_FUZZ=long plays 100,000.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.helpers import rows
from tests.helpers.feeds import GUARDIAN, OWNER
from tests.helpers.reference.oracle import Refused
from tests.stateful.oracle_world import FEEDS, LAST_ROUND, MORE, REPORTERS, TERMS, OracleWorld

PARTS = 400 if os.environ.get("PLUMBLINE_FUZZ") == "long" else 8
SEQUENCES = 250
STEPS = 60
dice = st.integers(0, 2**32)
"""What a step does in detail, in one number: a draw of Hypothesis costs as much as a call of the contract."""
small = st.integers(0, 2**16)


class OracleMachine(OracleWorld):
    @initialize(twap=st.booleans(), l2=st.booleans(), rounds=st.sampled_from([0, TERMS.history - 3, LAST_ROUND - 500]))
    def begin_anywhere_in_the_ring(self, twap: bool, l2: bool, rounds: int) -> None:
        """With TWAPs or without, on an L2 or not, and as if `rounds` had been: the ring goes round in mid-run, too. Of
        60 steps with up to five rounds each none goes beyond the last id there is."""
        self.begin(twap, l2, rounds)

    # --------------------------------------------------------------- rounds

    @rule(die=dice, steps=st.integers(1, 4), late_s=st.sampled_from([-15, 0, 3, 60]))
    def submit(self, die: int, steps: int, late_s: int) -> None:
        self._submit(self._draw(die, steps), late_s)

    @rule(die=dice, count=st.integers(2, 5))
    def submit_one_after_the_other(self, die: int, count: int) -> None:
        for place in range(count):
            self._submit(self._draw(die + place, 1), 0)

    @rule(die=dice, seconds=st.sampled_from([65, 180, 300, 4_000]))
    def submit_after_a_gap(self, die: int, seconds: int) -> None:
        self._submit(self._draw(die, seconds // TERMS.period), 0)

    @rule(die=dice, late_s=st.sampled_from([-16, 61, 10_000]))
    def submit_at_the_wrong_time(self, die: int, late_s: int) -> None:
        """O-1"""
        self._submit(self._draw(die, 3_000), late_s)

    @rule(die=dice, change=st.integers(0, 7))
    def submit_tampered(self, die: int, change: int) -> None:
        """O-5, O-6"""
        bundle, vectors = self._draw(die, 1)
        place, lane = die % len(vectors), die % len(self.model.feeds)
        self.chain.set_time(max(self.chain.timestamp, bundle.timestamp))
        medians, observed, signatures = list(bundle.medians), list(bundle.rows), list(bundle.signatures)
        if change == 0:
            medians[lane // 4] ^= 1 << 64 * (lane % 4)
        elif change == 1:
            observed[place * len(medians) + lane // 4] ^= 1 << 64 * (lane % 4)
        elif change == 2:
            signatures[2 * place] ^= 1
        elif change == 3:
            signatures[2 * place + 1] ^= 1 << 255
        tampered = replace(bundle, medians=medians, rows=observed, signatures=signatures)
        if change == 4:
            tampered = replace(bundle, timestamp=bundle.timestamp + TERMS.period)
        elif change == 5:
            first = bundle.signers & 255
            tampered = replace(bundle, signers=bundle.signers & ~0xFF00 | first << 8)
        elif change == 6:
            tampered = self._bundle(vectors, bundle.timestamp, epoch=self.model.epoch + 1)
        elif change == 7:
            tampered = replace(bundle, signers=bundle.signers ^ 8 << 8 * place)
        self._fails(None, "submit", *tampered.args)

    @rule(die=dice)
    def submit_the_last_round_again(self, die: int) -> None:
        """O-6"""
        bundle, _ = self._draw(die, 1)
        self.oracle.call("submit", *replace(bundle, timestamp=self.model.timestamp).args)

    @rule(die=dice)
    def submit_an_older_round(self, die: int) -> None:
        """O-1"""
        if self.model.timestamp:
            bundle, _ = self._draw(die, -1)
            self._fails("oracle: paused" if self.model.paused else "oracle: round not newer", "submit", *bundle.args)

    # ---------------------------------------------------------------- roles

    @rule(seconds=st.sampled_from([1, 7, 61, 4_000]))
    def pass_time(self, seconds: int) -> None:
        self.chain.set_time(self.chain.timestamp + seconds)

    @rule(who=st.sampled_from([OWNER, GUARDIAN]), stays=st.integers(0, 3))
    def pause_or_go_on(self, who: str, stays: int) -> None:
        if not self.model.paused:
            self.oracle.call("pause", sender=who)
            self.model.paused = True
            self.invariant_O2_O3_O4_reads_are_the_models()
        if stays:
            self._fails("owner: caller is not the owner", "unpause", sender=GUARDIAN)
            self.oracle.call("unpause", sender=OWNER)
            self.model.paused = False

    @precondition(lambda self: self.l2)
    @rule(up=st.sampled_from([True, True, True, False]), for_s=st.sampled_from([0, 3_600, 3_601, 10**6, None]))
    def turn_the_sequencer(self, up: bool, for_s: int | None) -> None:
        """O-11: for so long it has been up or down; None: it never said since when."""
        self._set_sequencer(up, 0 if for_s is None else self.chain.timestamp - for_s)

    @rule(die=dice, starts=st.sampled_from([True, True, False]))
    def propose_epoch(self, die: int, starts: bool) -> None:
        """O-9: other reporters, other rules for some feeds, perhaps more feeds; none of it holds before it starts."""
        choose = random.Random(die).choice
        feeds = [self._other_rules(model.rules, choose) for model in self.model.feeds]
        feeds += MORE[len(feeds) - len(FEEDS) :][: choose([0, 0, 1, 2, 3])]
        shift = self.signers[-1].index + choose([1, 2, 3])
        signers = [rows.Signer(index) for index in range(shift, shift + REPORTERS)]
        addresses = [signer.address for signer in signers]
        other = feeds[0]._replace(decimals=6) if choose([True, False]) else feeds[0]._replace(name="B/A")
        reason = "feed: decimals changed" if other.name == feeds[0].name else "feed: name changed"
        self._fails(reason, "propose_epoch", [other, *feeds[1:]], addresses, 1)
        self.oracle.call("propose_epoch", feeds, addresses, 1, sender=OWNER)
        self.pending = feeds, signers, self.chain.timestamp + TERMS.delay
        if starts:
            self._execute_epoch()
            self.chain.set_time(self.chain.timestamp + TERMS.delay)
            self._execute_epoch()

    @rule(wait_s=st.sampled_from([0, TERMS.delay - 1, TERMS.delay, None]))
    def end_the_proposal(self, wait_s: int | None) -> None:
        """By starting it after so long; None: by taking it back."""
        self.chain.set_time(self.chain.timestamp + (wait_s or 0))
        name = "cancel_epoch" if wait_s is None else "execute_epoch"
        if self.pending is None:
            self._fails("epoch: nothing proposed", name)
        elif wait_s is not None:
            self._execute_epoch()
        else:
            self.oracle.call(name, sender=OWNER)
            self.pending = None

    @rule(die=small)
    def remove_a_reporter(self, die: int) -> None:
        """O-6, O-9: the others go on in a new epoch; rows of the old one are void."""
        gone = self.signers[die % len(self.signers)]
        if len(self.signers) == max(model.rules.quorum for model in self.model.feeds):
            self._fails("feed: quorum above reporters", "remove_reporter", gone.address, sender=GUARDIAN)
            return
        self.oracle.call("remove_reporter", gone.address, sender=GUARDIAN)
        self.signers = [signer for signer in self.signers if signer != gone]
        self.pending = None
        self.model.start_epoch([model.rules for model in self.model.feeds])

    @rule(die=small, who=st.sampled_from([OWNER, GUARDIAN]))
    def trip(self, die: int, who: str) -> None:
        feed = die % len(self.model.feeds)
        if self.model.feeds[feed].held:
            self._fails("oracle: tripped", "trip", feed, sender=who)
            return
        self.oracle.call("trip", feed, sender=who)
        self.model.feeds[feed].held = True
        self.proposed.pop(feed, None)

    @rule(die=small)
    def propose_clear(self, die: int) -> None:
        feed = die % len(self.model.feeds)
        try:
            since = self.model.stopped_since(feed)
        except Refused as refused:
            self._fails(str(refused), "propose_clear", feed)
        else:
            self.oracle.call("propose_clear", feed, sender=OWNER)
            self.proposed[feed] = (self.chain.timestamp + TERMS.delay, since)

    @rule(die=small, wait_s=st.sampled_from([0, TERMS.delay - 1, TERMS.delay]))
    def execute_clear(self, die: int, wait_s: int) -> None:
        """O-4"""
        feed = die % len(self.model.feeds)
        self.chain.set_time(self.chain.timestamp + wait_s)
        try:
            since = self.model.stopped_since(feed)
            if feed not in self.proposed:
                raise Refused("clear: nothing proposed")
            if self.chain.timestamp < self.proposed[feed][0]:
                raise Refused("clear: too early")
            if self.proposed[feed][1] != since:
                raise Refused("clear: feed was served since")
        except Refused as refused:
            self._fails(str(refused), "execute_clear", feed)
        else:
            self.oracle.call("execute_clear", feed, sender=OWNER)
            self.model.clear(feed)
            del self.proposed[feed]

    # ----------------------------------------------------------- invariants

    @invariant()
    def invariant_O2_O3_O4_reads_are_the_models(self) -> None:
        """O-2, O-3, O-4: every read of every feed is what the model serves, or reverts with the model's reason."""
        now = self.chain.timestamp
        for feed in range(len(self.model.feeds)):
            self._same(lambda feed=feed: self.model.latest(feed), "latest", feed)
            self._same(lambda feed=feed: self.model.price(feed, 30, now), "price", feed, 30)
            self._same(lambda feed=feed: self.model.fresh_price(feed, now), "fresh_price", feed)

    @invariant()
    def invariant_O7_batch_reads_are_single_reads(self) -> None:
        feeds = list(range(len(self.model.feeds)))[::-1]
        now = self.chain.timestamp
        self._same(lambda: tuple(self.model.price(feed, 100, now) for feed in feeds), "prices", feeds, 100)

    @invariant()
    def invariant_O8_history_is_what_was_served(self) -> None:
        """Of the last feed, and of each in its turn."""
        last, count = self.model.round_id, len(self.model.feeds)
        self.looks += 1
        assert self.oracle.call("latest_round") == (last, self.model.timestamp)
        times = [self.model.times.get(last - back, self.model.timestamp) for back in (0, 1, 7)]
        for at in {times[0] + 1, times[0], times[1], max(times[1] - 1, 0), times[2]}:
            for feed in {self.looks % count, count - 1}:
                self._same(lambda feed=feed, at=at: self.model.round_at(feed, at), "round_at", feed, at)
        for round_id in {last - TERMS.history, last - 3, last - 1, last, last + 1}:
            feed = self.looks % count
            if round_id >= 0:
                self._same(
                    lambda feed=feed, round_id=round_id: self.model.round_data(feed, round_id),
                    "round_data",
                    feed,
                    round_id,
                )

    @invariant()
    def invariant_O10_averages_are_of_what_stood(self) -> None:
        """Windows between rounds, at rounds, until now, too long and upside down."""
        now, last = self.chain.timestamp, self.model.round_id
        times = [self.model.times.get(last - back, self.model.timestamp) for back in (0, 1, 4)]
        feed = last % len(self.model.feeds)
        windows = [(times[2], now), (times[1], times[0]), (times[2] + 1, times[0] + 2), (times[0], now + 1)]
        if not self.model.terms.twap:
            windows = windows[:1]
        for start, end in windows:
            self._same(lambda start=start, end=end: self.model.twap(feed, start, end, now), "twap", feed, start, end)

    @invariant()
    def invariant_O9_the_set_is_the_models(self) -> None:
        assert self.oracle.call("epoch") == self.model.epoch
        assert self.oracle.call("pending_at") == (self.pending[2] if self.pending else 0)
        assert self.oracle.call("feed_count") == len(self.model.feeds)


@pytest.mark.parametrize("part", range(PARTS))
def test_oracle__any_sequence_of_calls__does_what_the_model_does(part: int) -> None:
    machine = seed(part)(type("Part", (OracleMachine,), {}))
    rules = settings(
        max_examples=SEQUENCES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    run_state_machine_as_test(machine, settings=rules)
