# SPDX-License-Identifier: AGPL-3.0-only
"""deployments/<network>.json: what stands where. Written once by a deployment, read by scripts, console and demo."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from web3 import Web3

from scripts.artifacts import ROOT
from scripts.deployment.chain import Chain, Deployed

FOLDER = ROOT / "deployments"


class RecordError(Exception):
    """No record, or a record of another chain; says what to do."""


@dataclass(frozen=True)
class Record:
    chain_id: int
    genesis: str
    """Hash of block 0: two local chains share their id and even their addresses, never this."""
    commit: str
    """Of the repository the contracts were compiled from; "+" when the tree had changes, "unknown" without git."""
    contracts: dict[str, Deployed]

    def address(self, key: str) -> str:
        return self.contracts[key].address


def path_of(network: str) -> Path:
    """deployments/<network>.json, or the file that $PLUMBLINE_DEPLOYMENT names (a demo's, a test's)."""
    chosen = os.environ.get("PLUMBLINE_DEPLOYMENT")
    return Path(chosen) if chosen else FOLDER / f"{network}.json"


def write(chain: Chain, path: Path) -> Record:
    record = Record(
        chain_id=chain.web3.eth.chain_id,
        genesis=genesis(chain.web3),
        commit=_commit(),
        contracts=dict(chain.deployed),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(record), indent=1) + "\n")
    temporary.replace(path)
    return record


def read(path: Path, web3: Web3 | None = None) -> Record:
    """Raises RecordError when there is none, or when it tells of another chain than `web3` is connected to."""
    try:
        raw = json.loads(path.read_text())
        contracts = {key: Deployed(**value) for key, value in raw.pop("contracts").items()}
        record = Record(contracts=contracts, **raw)
    except FileNotFoundError:
        raise RecordError(f"{path.name}: nothing was deployed here yet; run `ape run deploy`") from None
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(f"{path}: expected a deployment record: {error}") from None
    if web3 is not None and (web3.eth.chain_id, genesis(web3)) != (record.chain_id, record.genesis):
        raise RecordError(
            f"{path.name} tells of another chain (a restarted one is a new one): run `ape run deploy` again"
        )
    return record


def genesis(web3: Web3) -> str:
    return web3.eth.get_block(0)["hash"].to_0x_hex()


def _commit() -> str:
    head = _git("rev-parse", "HEAD")
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "") if head else "unknown"


def _git(*arguments: str) -> str:
    """What git says; nothing where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
