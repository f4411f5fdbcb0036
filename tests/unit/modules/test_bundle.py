# SPDX-License-Identifier: AGPL-3.0-only
"""modules/bundle.vy: signers compared all at once are those that one after the other would be taken.

What reads the call itself is put before it by tests/unit/oracle/test_submit.py.
"""

from __future__ import annotations

import itertools

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer

INDICES = range(1, 32)
few = settings(max_examples=50, derandomize=True, deadline=None)


@pytest.fixture(scope="module")
def bundle():
    return deployer("bundle").deploy().internal


def packed(indices: list[int]) -> int:
    return sum(index << 8 * at for at, index in enumerate(indices))


@few
@given(st.lists(st.integers(0, 255), max_size=32))
def test_check_signers__takes_what_one_after_the_other_would_be_taken(bundle, indices):
    ascending = all(before < after for before, after in itertools.pairwise(indices))
    if indices and ascending and all(index in INDICES for index in indices):
        bundle._check_signers(packed(indices), len(indices))
    else:
        with boa.reverts("oracle: signers"):
            bundle._check_signers(packed(indices), len(indices))


@few
@given(st.sets(st.sampled_from(INDICES), min_size=1), st.data())
def test_check_signers__of_a_set__takes_it_in_ascending_order_only(bundle, chosen, data):
    indices = sorted(chosen)
    bundle._check_signers(packed(indices), len(indices))
    at = data.draw(st.integers(0, len(indices) - 1))
    worse = [
        [*indices[:at], indices[at], *indices[at:]],  # twice
        [*indices[:at], indices[at] | 32, *indices[at + 1 :]],  # an upper bit
        [*indices[:at], 0, *indices[at + 1 :]],  # nobody
        [*indices[:at], *reversed(indices[at:])] if at < len(indices) - 1 else [],
    ]
    for wrong in worse:
        with boa.reverts("oracle: signers"):
            bundle._check_signers(packed(wrong), len(wrong))


@few
@given(st.sets(st.sampled_from(INDICES), min_size=1, max_size=30))
def test_check_signers__of_another_count__is_refused(bundle, chosen):
    signers = packed(sorted(chosen))
    for count in (len(chosen) - 1, len(chosen) + 1):
        with boa.reverts("oracle: signers"):
            bundle._check_signers(signers, count)
