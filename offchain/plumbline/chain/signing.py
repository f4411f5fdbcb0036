# SPDX-License-Identifier: AGPL-3.0-only
"""secp256k1 signatures in EIP-2098 form: r, and vs = parity of y << 255 | s with s in the lower half of the order."""

from __future__ import annotations

from typing import Final

from coincurve import PrivateKey, PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plumbline.errors import RowError

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_S_MASK: Final = (1 << 255) - 1


class LocalKey:
    """One private key in memory: signs row digests and transactions. Nothing of it is ever shown but its address."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.address = _address(self._key.public_key)

    def __repr__(self) -> str:
        return f"LocalKey({self.address})"

    def sign(self, digest: bytes) -> tuple[int, int]:
        """(r, vs) of a 32-byte digest; deterministic (RFC 6979), low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        r, s, parity = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64]
        return r, parity << 255 | s

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        """(r, vs) of the message's keccak256: the `Signer` of a key that is here."""
        return self.sign(keccak(message))


def recover(digest: bytes, r: int, vs: int) -> str:
    """Checksummed address of the signer. Raises RowError for anything but a sound low-s signature."""
    s, parity = vs & _S_MASK, vs >> 255
    if not (0 < r < ORDER and 0 < s <= ORDER // 2 and parity <= 1):
        raise RowError("signature: expected 0 < r < n, 0 < s <= n / 2 and a parity bit", "signature")
    try:
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
        return _address(PublicKey.from_signature_and_message(signature, digest, hasher=None))
    except ValueError:
        # r is not the x of a point on the curve.
        raise RowError("signature: no public key fits it", "signature") from None


def _address(key: PublicKey) -> str:
    return str(to_checksum_address(keccak(key.format(compressed=False)[1:])[-20:]))
