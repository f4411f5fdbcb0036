# SPDX-License-Identifier: AGPL-3.0-only
"""A server of Web3Signer's eth1 API for tests: as documented, and then with faults to order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from coincurve import PrivateKey
from eth_utils import keccak


@dataclass
class Web3Signer:
    """Holds keys by their public key; `fault` is what the next requests meet: "", "hangs", "500", "wrong key"."""

    secrets: list[bytes]
    fault: str = ""
    high_s: bool = False
    signed: list[bytes] = field(default_factory=list)
    """Every message that was signed."""
    url: str = ""

    def public_keys(self) -> dict[str, PrivateKey]:
        keys = [PrivateKey(secret) for secret in self.secrets]
        return {"0x" + key.public_key.format(compressed=False)[1:].hex(): key for key in keys}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        """(status, content type, body)"""
        if (method, path) == ("GET", "/api/v1/eth1/publicKeys"):
            return 200, "application/json", json.dumps(list(self.public_keys())).encode()
        identifier = path.removeprefix("/api/v1/eth1/sign/")
        key = self.public_keys().get(identifier)
        if method != "POST" or key is None:
            return 404, "text/plain", b"Public key not found"
        try:
            message = bytes.fromhex(json.loads(body)["data"].removeprefix("0x"))
        except (ValueError, KeyError, AttributeError):
            return 400, "text/plain", b"Bad request format"
        if self.fault == "wrong key":
            key = PrivateKey(b"\x99" * 32)
        self.signed.append(message)
        raw = key.sign_recoverable(keccak(message), hasher=None)
        s, parity = int.from_bytes(raw[32:64], "big"), raw[64]
        if self.high_s:
            order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
            s, parity = order - s, 1 - parity
        return 200, "text/plain", b"0x" + (raw[:32] + s.to_bytes(32, "big") + bytes([27 + parity])).hex().encode()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
            body = await reader.readexactly(length)
            method, path, _ = head.split(" ", 2)
            if self.fault == "hangs":
                await asyncio.sleep(5)
            status, kind, said = (500, "text/plain", b"") if self.fault == "500" else self.answer(method, path, body)
            lines = [
                f"HTTP/1.1 {status} -",
                f"Content-Type: {kind}",
                f"Content-Length: {len(said)}",
                "Connection: close",
            ]
            writer.write("\r\n".join([*lines, "", ""]).encode() + said)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()


@asynccontextmanager
async def web3signer(*secrets: bytes) -> AsyncIterator[Web3Signer]:
    signer = Web3Signer(list(secrets))
    server = await asyncio.start_server(signer.handle, "127.0.0.1", 0)
    async with server:
        signer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield signer
