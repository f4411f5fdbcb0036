# SPDX-License-Identifier: AGPL-3.0-only
"""The worked examples in the docstrings of the core are true."""

from __future__ import annotations

import doctest

import pytest

from plumbline.core import attack, depth, median, methods, policy, rules, settlement

MODULES = [attack, depth, median, methods, policy, rules, settlement]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_docstrings__worked_examples__are_true(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
