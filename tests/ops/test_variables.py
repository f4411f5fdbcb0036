# SPDX-License-Identifier: AGPL-3.0-only
"""A deployment's addresses as a shell's variables: what is printed is evaluated, so nothing else may stand in it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from scripts.deployment.record import RecordError
from scripts.deployment.variables import exports

ADDRESS = "0x" + "aB" * 20


def record(path: Path, **addresses: str) -> Path:
    known = {"contract": "X", "arguments": [], "block": 1, "compiler": "", "code_sha256": ""}
    contracts = {key.replace("__", " "): known | {"address": address} for key, address in addresses.items()}
    path.write_text(json.dumps({"chain_id": 31337, "genesis": "", "commit": "", "contracts": contracts}))
    return path


def test_exports__every_contract_has_a_name_a_shell_can_have(tmp_path: Path) -> None:
    written = record(tmp_path / "local.json", oracle=ADDRESS, **{"feed__BTC/USD": ADDRESS})
    assert exports(written, "http://127.0.0.1:8545") == [
        "export RPC_URL=http://127.0.0.1:8545",
        f"export ORACLE={ADDRESS}",
        f"export FEED_BTC_USD={ADDRESS}",
    ]


def test_exports__an_address_that_is_none__is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"local\.json: oracle: expected an address, got .0x12; rm -r."):
        exports(record(tmp_path / "local.json", oracle="0x12; rm -r"), "http://127.0.0.1:8545")


@pytest.mark.parametrize("url", ["http://x'; rm -r '", "http://a b"])
def test_exports__a_url_that_would_not_stay_one_word__is_quoted(tmp_path: Path, url: str) -> None:
    (line,) = exports(record(tmp_path / "local.json"), url)
    assert shlex.split(line) == ["export", f"RPC_URL={url}"]


def test_exports__nothing_deployed__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="run `ape run deploy`"):
        exports(tmp_path / "local.json", "http://127.0.0.1:8545")
