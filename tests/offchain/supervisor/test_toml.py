# SPDX-License-Identifier: AGPL-3.0-only
from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from plumbline.supervisor import toml


def test_dumps__nested_tables_and_arrays_of_tables__read_back_the_same() -> None:
    document = {
        "journal": Path("run/a b.sqlite"),
        "poll_ms": 100,
        "speed": 1.5,
        "live": False,
        "name": 'a "quoted" \\ line\nbreak é',
        "empty": [],
        "chain": {"rpc_url": "http://127.0.0.1:1", "limits": {"gas": 10**18}},
        "feeds": [{"name": "BTC/USD", "markets": ["kraken:BTC/USD"]}, {"name": "EUR/USD", "crosses": ["kraken"]}],
    }
    assert tomllib.loads(toml.dumps(document)) == {**document, "journal": "run/a b.sqlite"}


def test_dumps__none__is_left_out() -> None:
    assert tomllib.loads(toml.dumps({"url": None, "chain": {"oracle": None}})) == {"chain": {}}


def test_dumps__something_toml_has_no_word_for__raises() -> None:
    with pytest.raises(TypeError, match="no TOML for bytes"):
        toml.dumps({"key": b"raw"})
