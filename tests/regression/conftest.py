# SPDX-License-Identifier: AGPL-3.0-only
"""What happened elsewhere, played against our contracts: each test starts at one moment and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boa
import pytest

from tests.unit.oracle.conftest import START_S


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or the reason (a string) it reverts with."""
    try:
        return call(*arguments)
    except boa.BoaError as error:
        return error.stack_trace.last_frame.pretty_vm_reason


@pytest.fixture
def stage() -> Iterator[None]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield
