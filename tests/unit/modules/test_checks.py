# SPDX-License-Identifier: AGPL-3.0-only
"""modules/checks.vy: it reverts with the reason it is given, or does nothing."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer

LONGEST = "area: thirty-two characters long"


@pytest.fixture(scope="module")
def checks():
    return deployer("checks").deploy().internal


@pytest.mark.parametrize("reason", ["a: b", LONGEST])
def test_that__does_not_hold__reverts_with_the_whole_reason(checks, reason):
    assert len(LONGEST) == 32
    with boa.reverts(reason):
        checks._that(False, reason)


def test_that__holds__does_nothing(checks):
    checks._that(True, LONGEST)
