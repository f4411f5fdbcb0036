# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Delays
@license AGPL-3.0-only
@notice Calls that their owner must announce, to the byte, before making them: time for everybody else to leave.
@dev An announced call may be made once, from DELAY to DELAY + WINDOW after it was announced; then it is void, so nothing
     is kept in a drawer. The contract decides who may announce and which functions take their announcement.
"""

from contracts.modules import checks

DELAY: constant(uint256) = 3 * 86_400      # {s}
WINDOW: constant(uint256) = 14 * 86_400    # {s}
MAX_CALL: constant(uint256) = 164          # a selector and five words

_ready_at: HashMap[bytes32, uint256]       # hash of the call -> {s}


@internal
def _announce(call: Bytes[MAX_CALL]) -> uint256:
    """
    @return {s} from when it may be made
    """
    at: uint256 = block.timestamp + DELAY
    self._ready_at[keccak256(call)] = at
    return at


@internal
def _retract(call: Bytes[MAX_CALL]):
    checks._that(self._ready_at[keccak256(call)] != 0, "delay: not announced")
    self._ready_at[keccak256(call)] = 0


@internal
@view
def _when(call: Bytes[MAX_CALL]) -> uint256:
    return self._ready_at[keccak256(call)]


@internal
def _take(call: Bytes[MAX_CALL]):
    """
    @notice Use an announcement up.
    """
    at: uint256 = self._ready_at[keccak256(call)]
    checks._that(at != 0, "delay: not announced")
    checks._that(block.timestamp >= at, "delay: not yet")
    checks._that(block.timestamp <= at + WINDOW, "delay: too late")
    self._ready_at[keccak256(call)] = 0
