# SPDX-License-Identifier: AGPL-3.0-only
"""The road of README: `ape run deploy` on a chain that stays, `ape console` that finds the same deployment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.anvil import Anvil, rpc

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).resolve().parent.parent.parent
NETWORK = ("--network", "ethereum:local:foundry")
SESSION = """
print("price", oracle.price(oracle.feed_index("BTC/USD"), 3600), feeds["BTC/USD"].latestRoundData()[1])
print("names", *feeds, auction())
print("nav", round(vault.nav(3600) / 10**18, 4), "pool", pool.fee())
amounts = vault.preview_mint(10**18)
for token, amount in zip(tokens.values(), amounts): token.mint(owner, amount, sender=owner)
for token, amount in zip(tokens.values(), amounts): token.approve(vault, amount, sender=owner)
receipt = vault.mint(10**18, owner, amounts, 2**63, sender=owner)
print("minted", vault.balanceOf(owner), list(receipt.return_value) == list(amounts))
out = vault.preview_redeem(10**18)
receipt = vault.redeem(10**18, owner, [0] * 4, 2**63, sender=owner)
print("redeemed", vault.balanceOf(owner), [token.balanceOf(owner) for token in tokens.values()] == list(out))
"""


class Ape:
    """Ape as a user runs it, on one chain and one deployment record."""

    def __init__(self, url: str, record: Path) -> None:
        self.record = record
        self._environment = {
            **os.environ,
            "APE_FOUNDRY_HOST": url,
            "PLUMBLINE_DEPLOYMENT": str(record),
            "COLUMNS": "160",
        }

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ape", *arguments],
            cwd=ROOT,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    with Anvil() as chain:
        yield chain


@pytest.fixture(scope="module")
def deployed(chain: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Ape:
    ape = Ape(chain.url, tmp_path_factory.mktemp("deployments") / "local.json")
    done = ape("run", "deploy", *NETWORK)
    assert done.returncode == 0, done.stdout + done.stderr
    return ape


def test_run_deploy__writes_what_stands_on_the_running_chain(chain: Anvil, deployed: Ape) -> None:
    record = json.loads(deployed.record.read_text())
    assert record["chain_id"] == 31337
    contracts = record["contracts"]
    assert {"oracle", "vault", "pool", "arbitrageur", "feed BTC/USD", "token USDC"} <= contracts.keys()
    for key, known in contracts.items():
        code = rpc(chain.url, "eth_getCode", known["address"], "latest")
        assert len(code) > 2, key
        assert 0 < known["block"] <= int(rpc(chain.url, "eth_blockNumber"), 16)
        assert len(known["code_sha256"]) == 64
    assert contracts["oracle"]["arguments"][1][0] == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # reporter 1
    assert contracts["oracle"]["compiler"] == "vyper 0.4.3, cancun"


def test_console__names_are_there__a_price_is_read_and_a_share_minted_and_redeemed(deployed: Ape) -> None:
    done = deployed("console", *NETWORK, "--code", SESSION.strip().replace("\n", "\\n"))
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = ("price", "names", "nav", "minted", "redeemed")
    said = [line for line in done.stdout.splitlines() if line.startswith(wanted)]
    assert said == [
        "price 6000000000000 6000000000000",
        "names BTC/USD USDC/USD USDT/USD EUR/USD None",
        "nav 131.6 pool 500",
        "minted 1000000000000000000 True",
        "redeemed 0 True",
    ], done.stdout + done.stderr


def test_console__fed_by_stdin__finds_the_names_too(deployed: Ape) -> None:
    done = deployed("console", *NETWORK, stdin="print('round', oracle.latest_round()[0])\nexit\n")
    assert "round 1" in done.stdout, done.stdout + done.stderr


def test_console__a_restarted_chain__says_that_the_record_is_of_another(deployed: Ape) -> None:
    with Anvil() as other:
        done = Ape(other.url, deployed.record)("console", *NETWORK, "--code", "print('still here')")
    assert "local.json tells of another chain (a restarted one is a new one): run `ape run deploy` again" in done.stdout
    assert "still here" in done.stdout


def test_run_deploy__no_chain_running__fails_and_starts_none(tmp_path: Path) -> None:
    with Anvil() as gone:
        url = gone.url
    done = Ape(url, tmp_path / "local.json")("run", "deploy", *NETWORK)
    assert done.returncode == 1
    assert f"Failed to connect to remote Anvil node at '{url}'" in done.stdout + done.stderr
    assert not (tmp_path / "local.json").exists()
