# SPDX-License-Identifier: AGPL-3.0-only
"""An index over the four tokens of the cast, its roles, and a stage that forgets between tests."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boa
import pytest
from scripts.artifacts import compile_contract

from tests.helpers.contracts import deployer
from tests.helpers.index import deploy_implementation

__all__ = [
    "attacker",
    "create",
    "depositor",
    "factory",
    "fee_recipient",
    "held",
    "house",
    "implementation",
    "interface",
    "oracle",
    "owner",
    "params",
    "receiver",
    "stage",
    "stranger",
    "tokens",
    "vault",
]
"""The fixtures: what `import *` gives to the other suites that play on this stage."""

WAD = 10**18
MAX_UINT = 2**256 - 1
YEAR_S = 365 * 86_400
START_S = 1_700_000_000


@dataclass(frozen=True)
class Params:
    """IIndexFactory.IndexParams; `replace` one field to make an adjacent bad one."""

    name: str
    symbol: str
    tokens: tuple[str, ...]
    units: tuple[int, ...]
    oracle: str
    feeds: tuple[int, ...]
    mint_fee_bps: int
    redeem_fee_bps: int
    streaming_fee_bps: int
    owner: str
    fee_recipient: str

    def but(self, **changes: Any) -> tuple[Any, ...]:
        return replace(self, **changes).as_tuple()

    def as_tuple(self) -> tuple[Any, ...]:
        return tuple(self.__dict__.values())


@pytest.fixture(autouse=True)
def stage() -> Iterator[None]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield


def _role(name: str) -> Any:
    return pytest.fixture(name=name)(lambda: boa.env.generate_address(name))


owner = _role("owner")
fee_recipient = _role("fee_recipient")
depositor = _role("depositor")
receiver = _role("receiver")
attacker = _role("attacker")
stranger = _role("stranger")


@pytest.fixture
def tokens() -> list[Any]:
    """WBTC, USDC, USDT (no return values), EURC."""
    plain, no_return = deployer("MockERC20"), deployer("MockNoReturnERC20")
    return [
        plain.deploy("Wrapped BTC", "WBTC", 8),
        plain.deploy("USD Coin", "USDC", 6),
        no_return.deploy("Tether USD", "USDT", 6),
        plain.deploy("Euro Coin", "EURC", 6),
    ]


@pytest.fixture
def oracle() -> Any:
    mock = deployer("MockOracle").deploy(["BTC/USD", "USDC/USD", "USDT/USD", "EUR/USD"], [8, 8, 8, 8])
    for feed, price in enumerate((20_000 * 10**8, 97_000_000, 100_500_000, 106_000_000)):
        mock.set_price(feed, price)
    return mock


@pytest.fixture(scope="session")
def implementation() -> Any:
    """The code that every index runs; once a process, before any `stage`, as no test can change it."""
    return deploy_implementation()


@pytest.fixture(scope="session")
def factory(implementation: Any) -> Any:
    return deployer("IndexFactory").deploy(implementation.address)


@pytest.fixture
def params(tokens: list[Any], oracle: Any, owner: str, fee_recipient: str) -> Params:
    return Params(
        name="Plumbline Index",
        symbol="PLUMB",
        tokens=tuple(token.address for token in tokens),
        units=(100_000 * WAD, 25_000_000 * WAD, 25_000_000 * WAD, 20_000_000 * WAD),
        oracle=oracle.address,
        feeds=(0, 1, 2, 3),
        mint_fee_bps=5,
        redeem_fee_bps=5,
        streaming_fee_bps=50,
        owner=owner,
        fee_recipient=fee_recipient,
    )


@pytest.fixture
def interface() -> Any:
    """An index by its ABI: its code is a clone's, and its face that of core and extension."""
    return boa.loads_abi(json.dumps(compile_contract("IndexVault").abi), name="IndexVault")


@pytest.fixture
def house(implementation: Any) -> Any:
    extension = deployer("IndexVaultExtension").at(implementation.EXTENSION())
    return deployer("AuctionHouse").at(extension.auction_house())


@pytest.fixture
def create(factory: Any, interface: Any) -> Any:
    """create(tuple) -> the vault."""

    def make(params: tuple[Any, ...], sender: str | None = None) -> Any:
        with warnings.catch_warnings():
            # titanoboa looks for the implementation's code behind the clone and wonders.
            warnings.filterwarnings("ignore", message="casted bytecode does not match")
            return interface.at(factory.create(params, sender=sender))

    return make


@pytest.fixture
def vault(create: Any, params: Params, tokens: list[Any], depositor: str) -> Any:
    """An index nobody has minted yet; the depositor is rich and has allowed everything."""
    index = create(params.as_tuple())
    fund(tokens, index, depositor)
    return index


@pytest.fixture
def held(vault: Any, depositor: str) -> Any:
    """The same index; the depositor holds 100 shares."""
    mint(vault, 100 * WAD, depositor)
    return vault


def fund(tokens: list[Any], vault: Any, who: str, amount: int = 10**15) -> None:
    for token in tokens:
        token.mint(who, amount)
        token.approve(vault.address, MAX_UINT, sender=who)


def mint(vault: Any, shares: int, who: str, receiver: str | None = None) -> list[int]:
    limits = [MAX_UINT] * len(vault.components()[0])
    return list(vault.mint(shares, receiver or who, limits, MAX_UINT, sender=who))


def redeem(vault: Any, shares: int, who: str, receiver: str | None = None) -> list[int]:
    limits = [0] * len(vault.components()[0])
    return list(vault.redeem(shares, receiver or who, limits, MAX_UINT, sender=who))


def balances(tokens: list[Any], who: str) -> list[int]:
    return [token.balanceOf(who) for token in tokens]


def pass_time(seconds: int) -> None:
    boa.env.evm.patch.timestamp += seconds
    new_transaction()


def new_transaction() -> None:
    """titanoboa plays every call in one transaction; transient storage ends with a real one."""
    boa.env.evm.vm.state.clear_transient_storage()


def events(contract: Any, kind: str) -> list[Any]:
    """What `contract` itself logged in its last call."""
    return [log for log in contract.get_logs() if log.address == contract.address and type(log).__name__ == kind]
