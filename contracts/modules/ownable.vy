# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Ownable, handed over in two steps
@license AGPL-3.0-only
@notice One owner. A new owner must accept, so ownership cannot be lost to a mistyped address. It cannot be renounced:
        a contract nobody can repair is not safer than one somebody can.
@dev A contract that is deployed as such calls `__init__`; a clone calls `_set_owner` from its own initializer.
"""

event OwnershipTransferStarted:
    previous_owner: indexed(address)
    new_owner: indexed(address)

event OwnershipTransferred:
    previous_owner: indexed(address)
    new_owner: indexed(address)


_NOT_OWNER: constant(String[32]) = "owner: caller is not the owner"
_NOT_PENDING: constant(String[32]) = "owner: caller is not pending"
_ZERO: constant(String[32]) = "owner: zero address"

owner: public(address)
pending_owner: public(address)


@deploy
def __init__(initial_owner: address):
    """
    @param initial_owner who may act from the first block on; not zero.
    """
    self._set_owner(initial_owner)


@external
def transfer_ownership(new_owner: address):
    """
    @notice Offer ownership. Nothing changes until `new_owner` accepts; offering the zero address withdraws an offer.
    """
    self._check_owner()
    self.pending_owner = new_owner
    log OwnershipTransferStarted(previous_owner=self.owner, new_owner=new_owner)


@external
def accept_ownership():
    """
    @notice Take what was offered.
    """
    assert msg.sender == self.pending_owner, _NOT_PENDING
    self._set_owner(msg.sender)


@internal
@view
def _check_owner():
    assert msg.sender == self.owner, _NOT_OWNER


@internal
def _set_owner(new_owner: address):
    assert new_owner != empty(address), _ZERO
    old_owner: address = self.owner
    self.owner = new_owner
    self.pending_owner = empty(address)
    log OwnershipTransferred(previous_owner=old_owner, new_owner=new_owner)
