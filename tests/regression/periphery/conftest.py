# SPDX-License-Identifier: AGPL-3.0-only
"""The stages of the periphery's unit tests, for the findings that are about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.periphery.conftest import attacker, desk, desk_stage, held, market, trade

__all__ = ["attacker", "desk", "desk_stage", "held", "market", "trade"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            # titanoboa looks for the implementation's code behind each clone and wonders.
            item.add_marker(pytest.mark.filterwarnings("ignore:casted bytecode does not match"))
