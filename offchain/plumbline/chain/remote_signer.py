# SPDX-License-Identifier: AGPL-3.0-only
"""A node's key on another machine, behind Web3Signer's eth1 API (or any server that speaks it).

    GET  {url}/api/v1/eth1/publicKeys         -> ["0x" and 128 hex digits: x and y of a key, ...]
    POST {url}/api/v1/eth1/sign/{identifier}  {"data": "0x..."} -> "0x" and 130 hex digits: r, s, v of keccak256(data)

It is given the message itself, EIP-712 or a transaction's bytes, so that what it hashes is what we mean. What it
answers is believed only when it is a signature of our address: a wrong key or a wrong hash never leaves this node.
Which row may be signed is not its decision: the journal's claim comes first, here as with a key in a file.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
import msgspec
from coincurve import PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plumbline.chain.signing import ORDER, recover
from plumbline.config import SignerConfig
from plumbline.errors import RowError, SignerError
from plumbline.http_client import FAILURES, OversizedError, read_bounded
from plumbline.log import redacted

_MAX_BYTES: Final = 1 << 20
_SIGNATURE_BYTES: Final = 65


class RemoteSigner:
    """A `Signer` over HTTP. The key's identifier is looked up once, when none is configured."""

    def __init__(self, config: SignerConfig, client: httpx.AsyncClient) -> None:
        self.address = str(to_checksum_address(config.address))
        self._config, self._client = config, client
        self._identifier = config.identifier

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        if self._identifier is None:
            self._identifier = await self._find()
        said = await self._ask("POST", f"sign/{self._identifier}", {"data": "0x" + message.hex()})
        # Plain text; some servers of this API answer with the same in JSON's quotes.
        r, vs = _signature(said.strip().strip(b'"'), self._where)
        try:
            signer = recover(keccak(message), r, vs)
        except RowError as error:
            raise SignerError(f"{self._where}: {error}") from None
        if signer != self.address:
            raise SignerError(f"{self._where}: expected a signature of {self.address}, got one of {signer}")
        return r, vs

    async def _find(self) -> str:
        """The public key of our address, as the signer writes it."""
        said = await self._ask("GET", "publicKeys", None)
        try:
            keys = msgspec.json.decode(said, type=list[str])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise SignerError(f"{self._where}: expected a list of public keys") from None
        for key in keys:
            if _address(key) == self.address:
                return key
        raise SignerError(f"{self._where}: holds {len(keys)} keys, and none of them is {self.address}")

    async def _ask(self, method: str, path: str, body: dict[str, str] | None) -> bytes:
        url, where = f"{self._config.url.rstrip('/')}/api/v1/eth1/{path}", self._where
        try:
            async with (
                asyncio.timeout(self._config.timeout_s),
                self._client.stream(method, url, json=body) as response,
            ):
                said = await read_bounded(response, _MAX_BYTES)
        except TimeoutError:
            raise SignerError(f"{where}: no answer within {self._config.timeout_s} s") from None
        except (*FAILURES, OversizedError) as error:
            raise SignerError(f"{where}: {type(error).__name__}") from None
        if response.status_code != 200:
            raise SignerError(f"{where}: HTTP {response.status_code}")
        return said

    @property
    def _where(self) -> str:
        return f"signer {redacted(self._config.url)}"


def _signature(said: bytes, where: str) -> tuple[int, int]:
    """r, s, v to EIP-2098; a signer may give either s, the oracle takes only the lower."""
    try:
        raw = bytes.fromhex(said.decode("ascii").removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != _SIGNATURE_BYTES or raw[64] not in (0, 1, 27, 28):
        raise SignerError(f"{where}: expected a signature of {_SIGNATURE_BYTES} bytes as hex text, r, s and v")
    r, s, parity = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), raw[64] % 27
    if s > ORDER // 2:
        s, parity = ORDER - s, 1 - parity
    return r, parity << 255 | (s & ((1 << 255) - 1))


def _address(key: str) -> str:
    """Of an uncompressed public key in hex, with or without its leading 04; empty for anything else."""
    try:
        raw = bytes.fromhex(key.removeprefix("0x"))
        point = PublicKey(raw if len(raw) == 65 else b"\x04" + raw).format(compressed=False)
    except ValueError:
        return ""
    return str(to_checksum_address(keccak(point[1:])[-20:]))
