# SPDX-License-Identifier: AGPL-3.0-only
"""Set: previews over-estimated because issuing did not accrue the streaming fee first."""

from __future__ import annotations

from tests.unit.vault.conftest import WAD, YEAR_S, mint, pass_time, redeem


def test_preview__after_a_year_without_a_call__is_the_act_to_the_wei(held, depositor):
    pass_time(YEAR_S)
    assert held.preview_mint(7 * WAD) == mint(held, 7 * WAD, depositor)
    assert held.preview_redeem(7 * WAD) == redeem(held, 7 * WAD, depositor)


def test_fee__of_a_year_is_paid_by_who_held_that_year(held, depositor, stranger):
    """A mint just before fees are collected pays nothing of the year before it."""
    pass_time(YEAR_S)
    earned = held.pending_fees()
    mint(held, 1_000 * WAD, depositor)
    # Only its own mint fee was added: 1,000 shares at 5 bps.
    assert 0 <= held.pending_fees() - earned - WAD // 2 <= 2
