# SPDX-License-Identifier: AGPL-3.0-only
"""What can go wrong in a world of these tests: each act does it once, and says whether it could."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from plumbline.chain.typed_data import row_digest
from plumbline.core.models import Row, SignedRow
from plumbline.replay.faults import Fault, FaultKind

if TYPE_CHECKING:
    from tests.chaos.world import Node, World


LIES = ("high", "low", "largest", "equivocates", "to each another", "past", "silent")


class Killed(Exception):
    """The process is gone, in the middle of what it did."""


class Disorder:
    """Strikes a world, as its dice will."""

    def __init__(self, world: World, *, start_s: int, period_s: int, venues: tuple[str, ...], faulty: int) -> None:
        self.world, self._start_s, self._period_s, self._venues, self._faulty = world, start_s, period_s, venues, faulty

    def of_venues(self) -> list[Fault]:
        """About a third of all faults; at most two venues at a time, of five."""
        faults: list[Fault] = []
        busy: list[tuple[int, int]] = []
        for _ in range(round(self.world.rounds * self.world.rate / 3)):
            start_s = self._start_s + self.world.dice.randrange(self.world.rounds * self._period_s)
            end_s = start_s + self.world.dice.randint(5, 60)
            if sum(a < end_s and start_s < b for a, b in busy) >= 2:
                continue
            busy.append((start_s, end_s))
            kind: FaultKind = self.world.dice.choice(get_args(FaultKind))
            bps = self.world.dice.choice([-9_000, -500, 500, 10_000]) if kind in ("scale", "fat_finger") else 0
            bps = self.world.dice.randint(1_000, 9_000) if kind == "loss" else bps
            delay_ms = self.world.dice.randint(500, 20_000) if kind in ("latency", "skew") else 0
            faults.append(
                Fault(kind, self.world.dice.choice(self._venues), start_s * 1000, end_s * 1000, bps, delay_ms)
            )
            self.world.found.faults[f"venue: {kind}"] += 1
        return faults

    def strike(self) -> None:
        acts: dict[str, tuple[int, Callable[[], bool]]] = {
            "kill -9: idle": (3, self._kill_somebody),
            "kill -9: before the claim": (2, lambda: self._kill_at("claim")),
            "kill -9: before signing": (2, lambda: self._kill_at("before signing")),
            "kill -9: after signing": (2, lambda: self._kill_at("after signing")),
            "kill -9: relayer": (3, self._kill_relayer),
            "liar": (4, self._turn_liar),
            "reporter out of reach": (4, self._silence),
            "rpc loss: everybody": (1, self._cut_chain),
            "rpc loss: one relayer": (2, self._cut_relayer),
            "reorganisation": (2, self._reorganise),
            "chain restart": (1, self._restart_chain),
            "disk full": (3, self._fill_disk),
            "clock step": (3, self._step_clock),
        }
        kind = self.world.dice.choices(list(acts), [weight for weight, _ in acts.values()])[0]
        if acts[kind][1]():
            self.world.found.faults[kind] += 1

    def honest(self) -> list[Node]:
        """Up, and no liar."""
        return [node for node in self.world.nodes if not node.lies and node.down_until <= self.world.number]

    def kill(self, node: Node) -> None:
        """As kill -9: what was not committed is gone, and nothing is said."""
        node.journal.close()
        node.down_until = self.world.number + self.world.dice.randint(1, 4)

    def _kill_somebody(self) -> bool:
        if not (honest := self.honest()):
            return False
        self.kill(self.world.dice.choice(honest))
        return True

    def _kill_at(self, point: str) -> bool:
        if not (honest := self.honest()):
            return False
        node = self.world.dice.choice(honest)
        if point == "claim":
            # The next claim finds the process gone.
            def gone(*_: object) -> Row:
                raise Killed

            node.journal.claim = gone  # type: ignore[method-assign,assignment]
        else:
            node.key.kill = point
        return True

    def _kill_relayer(self) -> bool:
        """One at a time: that is what turns are made for."""
        payers, number = self.world.payers, self.world.number
        payer = self.world.dice.choice(payers)
        if any(each.down_until > number for each in payers):
            return False
        payer.journal.close()
        payer.down_until = self.world.number + self.world.dice.randint(1, 6)
        return True

    def _turn_liar(self) -> bool:
        if sum(bool(node.lies) for node in self.world.nodes) >= self._faulty:
            return False
        node = self.world.dice.choice([node for node in self.world.nodes if not node.lies])
        if node.down_until > self.world.number:
            return False
        node.lies = self.world.dice.choice(
            ["high", "low", "largest", "equivocates", "to each another", "past", "silent"]
        )
        node.lies_until = self.world.number + self.world.dice.randint(2, 12)
        self.world.found.faults[f"liar: {node.lies}"] += 1
        return False

    def lie(self, node: Node, timestamp: int, payer: int) -> SignedRow | None:
        """What a liar says to a relayer."""
        honest = next((each.reporter.row(timestamp) for each in self.honest() if each.reporter.row(timestamp)), None)
        prices = honest.row.prices if honest else (1,) * len(self.world.rules)
        factor = {"high": 1_200, "low": 800}.get(node.lies, 1_000)
        if node.lies == "silent":
            return None
        if node.lies == "largest":
            prices = (2**63 - 1,) * len(prices)
        elif node.lies == "equivocates":
            factor = self.world.dice.choice([900, 1_100])
        elif node.lies == "to each another":
            factor = 900 + 100 * payer
        elif node.lies == "past":
            timestamp -= self._period_s
        row = Row(1, timestamp, tuple(min(price * factor // 1_000, 2**63 - 1) for price in prices))
        return SignedRow(node.index, row, *node.key.local.sign(row_digest(self.world.domain, row)))

    def _silence(self) -> bool:
        self.world.dice.choice(self.world.nodes).silent_until = self.world.number + self.world.dice.randint(1, 4)
        return True

    def _cut_chain(self) -> bool:
        self.world.chain.reachable, self.world.trouble = False, self.world.number
        return True

    def _cut_relayer(self) -> bool:
        self.world.dice.choice(self.world.payers).oracle.reachable = False
        return True

    def _reorganise(self) -> bool:
        if len(self.world.chain.blocks) < 5:
            return False
        self.world.chain.reorganise(self.world.dice.randint(1, 4), lost=self.world.dice.random() < 0.5)
        self.world.trouble = self.world.number
        return True

    def _restart_chain(self) -> bool:
        self.world.chain.restart()
        self.world.trouble = self.world.number
        return True

    def _fill_disk(self) -> bool:
        if not (honest := self.honest()):
            return False
        node = self.world.dice.choice(honest)
        node.journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = node.journal.execute("PRAGMA page_count").fetchone()[0]
        node.journal.execute(f"PRAGMA max_page_count = {pages}")
        node.full_until = self.world.number + self.world.dice.randint(1, 5)
        return True

    def _step_clock(self) -> bool:
        self.world.dice.choice(self.world.nodes).ahead = self.world.dice.choice([-2, -1, 1, 2])
        return True
