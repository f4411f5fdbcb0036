# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Holder Registry
@license AGPL-3.0-only
@notice Who may hold the shares of permissioned indices, and until when. Kept by registrars, whom the owner appoints.
@dev Shares move between accounts whose registration has not expired; a mint asks for the receiver only. Who has expired
     neither receives nor sends: the way out is the redeem, which never asks. Contracts that hold shares on the way
     (routers, pools, desks) are accounts like any other and have to be registered.
     One registry serves any number of indices.
@custom:security Registrars can lock accounts out and let anybody in, at once: they can stop transfers, take nothing, and
        stop no redeem.
@custom:kill An index whose owner sets the zero registry asks nobody any more.
"""

from contracts.interfaces import IHolderRegistry
from contracts.modules import ownable

implements: IHolderRegistry
initializes: ownable
exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.transfer_ownership,
    ownable.accept_ownership,
)

MAX_BATCH: constant(uint256) = 128

registered_until: public(HashMap[address, uint256])    # {s} the last time; 0: never registered, or taken out
is_registrar: public(HashMap[address, bool])


@deploy
def __init__(owner: address):
    """
    @param owner who appoints registrars; is none itself
    """
    ownable.__init__(owner)


@external
@view
@reentrant
def may_move(sender: address, receiver: address) -> bool:
    """
    @notice Whether shares may go from `sender` to `receiver` now; the zero sender stands for a mint.
    """
    if sender != empty(address) and self.registered_until[sender] < block.timestamp:
        return False
    return self.registered_until[receiver] >= block.timestamp


@external
def register(accounts: DynArray[address, MAX_BATCH], until: uint256):
    """
    @notice Registrars only: the last time {s} at which these accounts may send and receive. In the past: not any more.
    """
    assert self.is_registrar[msg.sender], "registry: not a registrar"
    for account: address in accounts:
        # The zero address stands for a mint and is nobody.
        assert account != empty(address), "registry: zero address"
        log IHolderRegistry.Registered(
            account=account, registrar=msg.sender, old_until=self.registered_until[account], new_until=until
        )
        self.registered_until[account] = until


@external
def set_registrar(registrar: address, allowed: bool):
    """
    @notice Owner only.
    """
    ownable._check_owner()
    log IHolderRegistry.RegistrarChanged(registrar=registrar, allowed=allowed)
    self.is_registrar[registrar] = allowed
