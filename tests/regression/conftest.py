# SPDX-License-Identifier: AGPL-3.0-only
"""What happened elsewhere, played against our contracts: each test starts at one moment and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.unit.oracle.conftest import START_S


@pytest.fixture
def stage() -> Iterator[None]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield
