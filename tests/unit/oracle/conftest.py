# SPDX-License-Identifier: AGPL-3.0-only
"""The oracle of the cast: four feeds, five reporters, quorum three; time stands where a test puts it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import CAST, OWNER, Feed, Terms
from tests.helpers.oracles import on_boa

START_S = 1_700_000_000
TERMS = Terms()
PRICES = (20_000_00000000, 97_000_000, 1_00500000, 1_06000000)


class Rounds:
    """An oracle and what its reporters sign. `bundle` makes the next round's, `submit` brings it when it is due."""

    def __init__(
        self,
        feeds: Sequence[Feed] = CAST,
        reporters: int = 5,
        terms: Terms = TERMS,
        faulty: int = 1,
        signers: Sequence[rows.Signer] | None = None,
        owner: str = OWNER,
    ) -> None:
        self.feeds = list(feeds)
        self.terms = terms
        self.signers = list(signers or rows.signers(reporters))
        addresses = [signer.address for signer in self.signers]
        self.oracle = on_boa(self.feeds, addresses, faulty, terms, owner)
        self.domain = rows.domain_separator(boa.env.evm.patch.chain_id, self.oracle.address)
        self.epoch = 1
        self.timestamp = START_S

    def bundle(
        self, *vectors: Sequence[int], by: Sequence[int] | None = None, at: int | None = None, epoch: int | None = None
    ) -> rows.Bundle:
        """Rows of the reporters with the indices `by` (default: 1, 2, ...), one vector each, for the next grid time."""
        by = by or range(1, len(vectors) + 1)
        return rows.bundle(
            self.domain,
            epoch or self.epoch,
            at or self.timestamp + self.terms.period,
            {self.signer(index): vector for index, vector in zip(by, vectors, strict=True)},
            [feed.quorum for feed in self.feeds],
        )

    def signer(self, index: int) -> rows.Signer:
        """Who signs with this index now; beyond the set, a stranger."""
        return rows.Signer(index, self.signers[index - 1].key) if index <= len(self.signers) else rows.Signer(index)

    def submit(self, bundle: rows.Bundle, **call: Any) -> Any:
        """Submit at the round's own time; returns the oracle's logs."""
        boa.env.evm.patch.timestamp = max(bundle.timestamp, boa.env.evm.patch.timestamp)
        self.oracle.submit(*bundle.args, **call)
        self.timestamp = bundle.timestamp
        return self.oracle.get_logs()

    def agree(self, *prices: int, reporters: int = 3, after_s: int | None = None) -> Any:
        """A round in which everybody says the same."""
        at = self.timestamp + (after_s or self.terms.period)
        return self.submit(self.bundle(*[prices] * reporters, at=at))


def but(bundle: rows.Bundle, **changes: Any) -> tuple[Any, ...]:
    return replace(bundle, **changes).args


@pytest.fixture(autouse=True)
def stage() -> Iterator[None]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


@pytest.fixture
def oracle(rounds: Rounds) -> Any:
    return rounds.oracle


@pytest.fixture
def relayer() -> Any:
    return boa.env.generate_address("relayer")


@pytest.fixture
def stranger() -> Any:
    return boa.env.generate_address("stranger")
