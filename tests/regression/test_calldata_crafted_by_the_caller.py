# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Scribe 2.0.0 fixes: huge arrays as a denial of service; non-default ABI encodings of the same values.

Must hold: one round has one calldata, and any other bytes revert; no length or offset a caller writes makes it do work.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.helpers import rows
from tests.helpers.feeds import Terms, feeds
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CALLER, CHAIN_ID, Chain, Contract

START_S = 1_700_000_000
AT = START_S + 5
WORD = 32
HEAD = 4 + 5 * WORD
FLOOR_GAS = 21_000
CHECK_GAS = 6_000
"""Two cold slots and some arithmetic; one signature checked costs more than 3,000 on top."""


class Stage:
    def __init__(self, count: int) -> None:
        self.chain = Chain(START_S)
        signers = rows.signers(3)
        addresses = [signer.address for signer in signers]
        self.oracle: Contract = on_revm(self.chain, feeds(count), addresses, 1, Terms())
        domain = rows.domain_separator(CHAIN_ID, self.oracle.address)
        vectors = {signer: [1_000 + signer.index + feed for feed in range(count)] for signer in signers}
        self.calldata = rows.bundle(domain, 1, AT, vectors, [3] * count).calldata
        self.chain.set_time(AT)

    def takes(self, data: bytes) -> bool:
        """Whether the oracle, as it is now, accepts these bytes; its state is put back."""
        before = self.chain.evm.snapshot()
        try:
            self.chain.evm.message_call(CALLER, self.oracle.address, data)
        except RuntimeError:
            return False
        finally:
            self.chain.evm.revert(before)
        return True

    def gas_above_calldata(self, data: bytes) -> int:
        """Execution gas of a call that may revert: what is used less what the bytes alone cost."""
        before = self.chain.evm.snapshot()
        try:
            self.chain.evm.message_call(CALLER, self.oracle.address, data)
            used = self.chain.evm.result.gas_used
        except RuntimeError as error:
            used = int(str(error).split("gas_used: ")[1].split(",")[0])
        finally:
            self.chain.evm.revert(before)
        zeros = data.count(0)
        return int(used) - FLOOR_GAS - 4 * zeros - 16 * (len(data) - zeros)


@pytest.fixture(scope="module", params=[1, 5])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(request.param)
    assert stage.takes(stage.calldata)
    yield stage
    assert stage.takes(stage.calldata)


def replaced(data: bytes, at: int, word: int) -> bytes:
    return data[:at] + (word % 2**256).to_bytes(WORD, "big") + data[at + WORD :]


def test_submit__any_single_bit_turned__reverts(stage):
    for place in range(len(stage.calldata)):
        for bit in range(8):
            turned = bytearray(stage.calldata)
            turned[place] ^= 1 << bit
            assert not stage.takes(bytes(turned)), f"byte {place}, bit {bit}"


def test_submit__any_offset_or_length_replaced__reverts(stage):
    """Every word of the three heads and lengths: nothing but what an ABI encoder writes is taken."""
    data = stage.calldata
    places = [68, 100, 132, *(4 + int.from_bytes(data[at : at + WORD], "big") for at in (68, 100, 132))]
    words = [0, 1, 31, 32, 64, 160, 161, 191, 192, len(data), 2**31, 2**64, 2**255, -1, -31, -32, -160]
    for at in places:
        old = int.from_bytes(data[at : at + WORD], "big")
        for word in [*words, old - 32, old + 32, old - 1, old + 1, old + 2**64, old + 2**255]:
            changed = replaced(data, at, word)
            assert changed == data or not stage.takes(changed), f"word {word} at {at}"


def test_submit__arrays_moved_apart__reverts(stage):
    """The same values with a gap before one of the arrays, and offsets that account for it."""
    data = stage.calldata
    offsets = [int.from_bytes(data[at : at + WORD], "big") for at in (68, 100, 132)]
    for moved in range(3):
        apart = data[: 4 + offsets[moved]] + bytes(WORD) + data[4 + offsets[moved] :]
        for place in range(moved, 3):
            apart = replaced(apart, 68 + WORD * place, offsets[place] + WORD)
        assert not stage.takes(apart), f"array {moved}"


@pytest.mark.parametrize("extra", [1, 31, 32, 33, 1_024])
def test_submit__bytes_after_the_last_array__reverts(stage, extra):
    assert not stage.takes(stage.calldata + bytes(extra))
    assert not stage.takes(stage.calldata + b"\xff" * extra)


@pytest.mark.parametrize("missing", [1, 31, 32, 64])
def test_submit__bytes_missing_at_the_end__reverts(stage, missing):
    """Also where the missing bytes are zeros that the EVM would supply."""
    assert not stage.takes(stage.calldata[:-missing])


def test_submit__the_whole_round__costs_many_times_a_check(stage):
    """The measure used below does see work that is done."""
    assert stage.gas_above_calldata(stage.calldata) > 5 * CHECK_GAS


def test_submit__lengths_of_gigabytes__cost_no_more_than_a_check(stage):
    data = stage.calldata
    for at in (4 + int.from_bytes(data[at : at + WORD], "big") for at in (68, 100, 132)):
        for length in (9, 63, 249, 2**16, 2**32, 2**64, 2**255, 2**256 - 1):
            changed = replaced(data, at, length)
            assert not stage.takes(changed)
            assert stage.gas_above_calldata(changed) < CHECK_GAS


def test_submit__a_hundred_kilobytes_of_arrays__cost_no_more_than_a_check(stage):
    """Arrays as long as the ABI admits, and really there: refused before anything is hashed or recovered."""
    full = rows.Bundle(AT, 0x030201, [1] * 8, [1] * 248, [1] * 62)
    assert not stage.takes(full.calldata)
    assert stage.gas_above_calldata(full.calldata) < CHECK_GAS
    noise = random.Random(1).randbytes(100_000)
    assert stage.gas_above_calldata(data := stage.calldata[:HEAD] + noise) < CHECK_GAS
    assert not stage.takes(data)
