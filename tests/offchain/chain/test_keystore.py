# SPDX-License-Identifier: AGPL-3.0-only
"""Keystores: sealed, private to their owner, and silent about what is inside."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from plumbline.chain.keystore import open_key, write_keystore
from plumbline.config import KeyConfig
from plumbline.errors import ConfigError

SECRET = b"\x11" * 32


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "password").write_text("correct horse\n")
    write_keystore(tmp_path / "key.json", SECRET, "correct horse", scrypt_n=2)
    return KeyConfig(keystore=tmp_path / "key.json", password_file=tmp_path / "password")


def test_open_key__right_password__gives_the_key_that_was_sealed(sealed):
    assert open_key(sealed).address == Account.from_key(SECRET).address


def test_write_keystore__new_file__only_its_owner_may_read_and_any_tool_opens_it(sealed):
    assert sealed.keystore.stat().st_mode & 0o777 == 0o600
    assert bytes(Account.decrypt(json.loads(sealed.keystore.read_text()), "correct horse")) == SECRET
    assert SECRET.hex() not in sealed.keystore.read_text()


def test_write_keystore__file_exists__is_never_overwritten(sealed):
    before = sealed.keystore.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        write_keystore(sealed.keystore, b"\x22" * 32, "other", scrypt_n=2)
    assert sealed.keystore.read_bytes() == before


def test_open_key__wrong_password__says_so_and_nothing_more(sealed):
    sealed.password_file.write_text("battery staple")
    with pytest.raises(ConfigError) as caught:
        open_key(sealed)
    assert str(caught.value) == f"{sealed.keystore}: cannot be opened: wrong password"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 3}', "\0\1", '{"version": 3, "crypto": 7}'])
def test_open_key__not_a_keystore__names_the_file(sealed, content):
    sealed.keystore.write_text(content)
    with pytest.raises(ConfigError, match=r"key\.json: (cannot be opened: not a version 3|expected a JSON)"):
        open_key(sealed)


def test_open_key__no_file__names_it(sealed):
    sealed.keystore.unlink()
    with pytest.raises(ConfigError, match=r"key\.json: no such keystore"):
        open_key(sealed)
