# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Token transfers
@license AGPL-3.0-only
@notice The only way the contracts move other people's tokens: missing return values are accepted, false ones are
        not, and what arrived is measured.
"""

from ethereum.ercs import IERC20


@internal
def _pull(token: address, sender: address, amount: uint256):
    """
    @notice Take exactly `amount` from `sender`; reverts when anything else arrived (fee on transfer, a hook that
            moved the balance). Nothing is called for zero: a component without a unit must not block a mint.
    """
    if amount == 0:
        return
    held: uint256 = staticcall IERC20(token).balanceOf(self)
    # balanceOf has just answered, so there is code at `token`.
    assert extcall IERC20(token).transferFrom(
        sender, self, amount, default_return_value=True, skip_contract_check=True
    ), "token: transferFrom failed"
    assert staticcall IERC20(token).balanceOf(self) == held + amount, "token: amount not received"


@internal
def _push(token: address, receiver: address, amount: uint256):
    """
    @notice Pay `amount`. Nothing is called for zero: some tokens refuse it, and dust must not block an exit.
    """
    if amount != 0:
        assert extcall IERC20(token).transfer(receiver, amount, default_return_value=True), "token: transfer failed"
