# SPDX-License-Identifier: AGPL-3.0-only
"""What takes long to deploy is built once a module and forgotten after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boa
import pytest

from tests.unit.periphery.desk import Desk, make_desk
from tests.unit.periphery.market import FOREVER, START_S, WAD, Trade, make_market
from tests.unit.periphery.yields import Yields, make_yields


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            # titanoboa looks for the implementation's code behind each clone and wonders.
            item.add_marker(pytest.mark.filterwarnings("ignore:casted bytecode does not match"))


@pytest.fixture(scope="module")
def market() -> Iterator[Trade]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield make_market()


@pytest.fixture
def trade(market: Trade) -> Iterator[Trade]:
    with boa.env.anchor():
        yield market


@pytest.fixture
def held(trade: Trade) -> Trade:
    """The depositor has 1,000 shares already."""
    trade.vault.mint(1_000 * WAD, trade.depositor, [FOREVER] * 4, FOREVER, sender=trade.depositor)
    return trade


@pytest.fixture
def attacker() -> str:
    return boa.env.generate_address("attacker")


@pytest.fixture(scope="module")
def desk_stage() -> Iterator[Desk]:
    with boa.env.anchor():
        yield make_desk(*(boa.env.generate_address(name) for name in ("maker", "requester", "owner")))


@pytest.fixture
def desk(desk_stage: Desk) -> Iterator[Desk]:
    with boa.env.anchor():
        desk_stage.rounds.timestamp = desk_stage.rounds.oracle.latest_round()[1]
        yield desk_stage


@pytest.fixture(scope="module")
def yield_stage() -> Iterator[Yields]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield make_yields()


@pytest.fixture
def yields(yield_stage: Yields) -> Iterator[Yields]:
    with boa.env.anchor():
        yield yield_stage
