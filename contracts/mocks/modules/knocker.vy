# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title What the mocks that call back have in common
@license AGPL-3.0-only
@notice One call of anybody's choice, and what came of it. Tests only.
@dev A lock refuses without a word; whatever else refuses gives a reason. `heard` tells the two apart.
"""

target: public(address)
data: Bytes[1024]
calls: public(uint256)
successes: public(uint256)
heard: public(Bytes[128])    # the beginning of what the last call answered


@internal
def _arm(target: address, data: Bytes[1024]):
    """
    @notice From now on `_knock` calls `target` with `data`; the zero address: nobody.
    """
    self.target = target
    self.data = data
    self.calls = 0
    self.successes = 0
    self.heard = b""


@internal
def _knock():
    if self.target == empty(address):
        return
    success: bool = False
    answer: Bytes[128] = b""
    success, answer = raw_call(self.target, self.data, max_outsize=128, revert_on_failure=False)
    self.calls += 1
    self.successes += convert(success, uint256)
    self.heard = answer
