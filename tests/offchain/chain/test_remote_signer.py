# SPDX-License-Identifier: AGPL-3.0-only
"""A key behind Web3Signer's API: the same signature as with the key here, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.helpers.web3signer import Web3Signer, web3signer
from tests.offchain.fakes import KEYS, ORACLE, START_S

from plumbline.chain.remote_signer import RemoteSigner
from plumbline.chain.typed_data import domain_separator, row_digest, row_message
from plumbline.config import SignerConfig
from plumbline.core.models import Row
from plumbline.errors import SignerError
from plumbline.transport.peer import peer_client

SECRET, OTHER = b"\x02" * 32, b"\x03" * 32
ADDRESS = KEYS[1].address
DOMAIN = domain_separator(31337, ORACLE)
ROW = Row(1, START_S, (2_000_000_000_000, 99_000_000))


def with_signer(
    test: Callable[[Web3Signer, RemoteSigner], Awaitable[None]], *secrets: bytes, **changes: object
) -> None:
    async def main() -> None:
        async with web3signer(*secrets) as server, peer_client() as client:
            config = SignerConfig(url=server.url, address=ADDRESS, timeout_s=0.3, **changes)
            await test(server, RemoteSigner(config, client))

    asyncio.run(main())


@pytest.mark.parametrize("high_s", [False, True])
def test_sign_message__key_is_there__gives_what_the_key_itself_would(high_s):
    async def test(server: Web3Signer, signer: RemoteSigner) -> None:
        server.high_s = high_s
        signature = await signer.sign_message(row_message(DOMAIN, ROW))
        assert signature == KEYS[1].sign(row_digest(DOMAIN, ROW))
        assert signature == await KEYS[1].sign_message(row_message(DOMAIN, ROW))
        assert server.signed == [row_message(DOMAIN, ROW)]

    with_signer(test, OTHER, SECRET)


def test_sign_message__identifier_is_configured__is_not_looked_up():
    async def test(server: Web3Signer, signer: RemoteSigner) -> None:
        with pytest.raises(SignerError, match=r"signer http://127\.0\.0\.1:\d+: HTTP 404"):
            await signer.sign_message(b"x")

    with_signer(test, SECRET, identifier="0xabcd")


def test_sign_message__no_such_key_there__says_whose_is_missing():
    async def test(_: Web3Signer, signer: RemoteSigner) -> None:
        with pytest.raises(SignerError, match=f"holds 1 keys, and none of them is {ADDRESS}"):
            await signer.sign_message(b"x")

    with_signer(test, OTHER)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("hangs", "no answer within 0.3 s"),
        ("500", "HTTP 500"),
        ("wrong key", f"expected a signature of {ADDRESS}, got one of 0x"),
    ],
)
def test_sign_message__signer_is_faulty__no_signature_and_the_next_one_works(fault, message):
    async def test(server: Web3Signer, signer: RemoteSigner) -> None:
        await signer.sign_message(b"x")
        server.fault = fault
        with pytest.raises(SignerError, match=message):
            await signer.sign_message(b"y")
        server.fault = ""
        assert await signer.sign_message(b"y") == await KEYS[1].sign_message(b"y")

    with_signer(test, SECRET)


@pytest.mark.parametrize(
    "said", [b"", b"0x12", b"0x" + b"zz" * 65, b'"0x' + b"00" * 65 + b'"', b"\xff" * 132, b"0x" + b"ff" * 65]
)
def test_sign_message__answer_is_no_signature__is_refused(said, monkeypatch):
    async def test(server: Web3Signer, signer: RemoteSigner) -> None:
        await signer.sign_message(b"x")
        server.answer = lambda *_: (200, "text/plain", said)
        with pytest.raises(SignerError):
            await signer.sign_message(b"y")

    with_signer(test, SECRET)


def test_sign_message__nobody_listens__tells_no_more_of_the_address_than_host_and_port():
    async def main() -> None:
        async with peer_client() as client:
            config = SignerConfig(url="http://user:hunter2@127.0.0.1:1/hunter2", address=ADDRESS)
            with pytest.raises(SignerError) as caught:
                await RemoteSigner(config, client).sign_message(b"x")
            assert str(caught.value) == "signer http://127.0.0.1:1: ConnectError"

    asyncio.run(main())
