# SPDX-License-Identifier: AGPL-3.0-only
"""Encrypted JSON keystores (Web3 Secret Storage, version 3): the only form in which a key touches a disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

from eth_account import Account

from plumbline.chain.signing import LocalKey
from plumbline.config import KeyConfig
from plumbline.errors import ConfigError


def open_key(config: KeyConfig) -> LocalKey:
    """Decrypt the configured keystore. Raises ConfigError naming the file, never its content."""
    path = config.keystore
    try:
        sealed = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such keystore") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a JSON keystore: {error}") from None
    password = config.password()
    try:
        secret = bytes(Account.decrypt(sealed, password))
    except (ValueError, TypeError, KeyError) as error:
        wrong = "MAC mismatch" in str(error)
        reason = "wrong password" if wrong else f"not a version 3 keystore ({type(error).__name__})"
        raise ConfigError(f"{path}: cannot be opened: {reason}") from None
    return LocalKey(secret)


def write_keystore(path: Path, secret: bytes, password: str, *, scrypt_n: int | None = None) -> str:
    """Seal a key into a new file only its owner can read; returns the address. Refuses to overwrite.

    scrypt_n: cost of the password's derivation, a power of two; None takes the library's strong default.
    """
    if not password:
        raise ConfigError(f"{path}: expected a password for the keystore, got nothing")
    sealed = Account.encrypt(secret, password, kdf="scrypt", iterations=scrypt_n)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path}: exists already; a keystore is never overwritten") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(sealed, file, indent=1)
    return LocalKey(secret).address
