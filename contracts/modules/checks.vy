# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Checks
@license AGPL-3.0-only
@notice `assert` for cold paths. The compiler writes the whole encoding of a reason, some 130 bytes, at each `assert`;
        here it is written once. Costs about 80 gas more than `assert` where the check holds.
"""


@internal
@pure
def _that(holds: bool, reason: String[32]):
    assert holds, reason
