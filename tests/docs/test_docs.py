# SPDX-License-Identifier: AGPL-3.0-only
"""Every block of the tutorials and of the client's page is run, in order, on a chain; the site builds unwarned."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from scripts.deployment import cast, record, steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain
from tests.helpers.anvil import Anvil, rpc
from web3 import HTTPProvider, Web3

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = ("client.md", "tutorials/read-a-price.md", "tutorials/own-a-share.md", "tutorials/survive-an-incident.md")
_BLOCK = re.compile(r"^```(?P<kind>python|sh)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Network:
    """What a reader has in his variables."""

    environment: dict[str, str]


def blocks(page: str) -> list[tuple[str, str]]:
    return [(found["kind"], found["text"]) for found in _BLOCK.finditer((DOCS / page).read_text())]


def test_pages__are_all_run() -> None:
    with_code = {
        str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if "```python\nimport os" in path.read_text()
    }
    tutorials = {str(path.relative_to(DOCS)) for path in (DOCS / "tutorials").glob("*.md")}
    assert with_code | tutorials == set(PAGES)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Anvil, Network]]:
    """A chain as `make chain` and `ape run deploy` leave it, and an account with components of its own."""
    with Anvil() as anvil:
        chain, parameters = Chain(Web3(HTTPProvider(anvil.url))), Parameters(heartbeat_s=3_600)
        steps.deploy(chain, parameters)
        steps.opening_round(chain, parameters)
        path = tmp_path_factory.mktemp("deployment") / "local.json"
        record.write(chain, path)
        account = Account.from_key(b"\x42" * 32)
        rpc(anvil.url, "anvil_setBalance", account.address, hex(10**18))
        for token in cast.COMPONENTS:
            contract = chain.at(f"token {token.symbol}", steps.compile_contract("MockERC20").abi)
            chain.send(contract.functions.mint(account.address, 10 * token.per_share), cast.address("owner"))
        yield (
            anvil,
            Network(
                os.environ
                | {
                    "RPC_URL": anvil.url,
                    "ORACLE": chain.address("oracle"),
                    "VAULT": chain.address("vault"),
                    "PRIVATE_KEY": account.key.to_0x_hex(),
                    "APE_FOUNDRY_HOST": anvil.url,
                    "PLUMBLINE_DEPLOYMENT": str(path),
                    "PLUMBLINE_NETWORK": "",
                    "NO_COLOR": "1",
                }
            ),
        )


@pytest.fixture
def reader(network: tuple[Anvil, Network]) -> Iterator[Network]:
    anvil, known = network
    snapshot = rpc(anvil.url, "evm_snapshot")
    yield known
    rpc(anvil.url, "evm_revert", snapshot)


@pytest.mark.anvil
@pytest.mark.parametrize("page", PAGES)
def test_page__every_block_runs_as_written(
    page: str, reader: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in reader.environment.items():
        monkeypatch.setenv(name, value)
    found = blocks(page)
    assert found
    # The blocks of a page are one session, as a reader would type them.
    session: dict[str, object] = {"__name__": "__main__"}
    for number, (kind, text) in enumerate(found, 1):
        if kind == "python":
            exec(compile(text, f"{page}, block {number}", "exec"), session)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=ROOT,
            env=reader.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{page}, block {number}:\n{done.stdout}{done.stderr}"


def test_site__builds_without_a_warning__and_asks_nothing_from_outside(tmp_path: Path) -> None:
    command = ["mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    front = (tmp_path / "site" / "index.html").read_text()
    assert "tutorials/read-a-price.html" in front
    assert "index-method.html" in front
    for page in (tmp_path / "site").rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text())
        assert fetched == [], page.name
