# SPDX-License-Identifier: AGPL-3.0-only
"""`init`: a config to edit and a new key in an encrypted keystore. Nothing that exists is overwritten."""

from __future__ import annotations

import secrets
from importlib.resources import files
from pathlib import Path
from string import Template

import typer

from plumbline.chain.keystore import write_keystore
from plumbline.config import Section, load
from plumbline.errors import ConfigError


def write_node(service: str, kind: type[Section], folder: Path, *, oracle: str, rpc_url: str) -> None:
    """Write `<service>.toml`, `<service>.key.json` and `<service>.password` into the folder."""
    config, key, password = (folder / f"{service}{end}" for end in (".toml", ".key.json", ".password"))
    for path in (config, key):
        if path.exists():
            raise ConfigError(f"{path}: exists already; choose another --dir, or remove it if nothing needs it")
    folder.mkdir(parents=True, exist_ok=True)
    text = (files(__package__) / "templates" / f"{service}.toml").read_text(encoding="utf-8")
    config.write_text(
        Template(text).substitute(oracle=oracle, rpc_url=rpc_url, password_file=password.name), encoding="utf-8"
    )
    try:
        # A wrong address or URL is refused before there is a key.
        load(config, kind)
        address = write_keystore(key, secrets.token_bytes(32), _password(password))
    except ConfigError:
        config.unlink()
        raise
    typer.echo(
        f"wrote {config}\nwrote {key}: the new key's address is {address}\nthe keystore's password is in {password}"
    )


def _password(path: Path) -> str:
    """The password somebody put there, else a new one."""
    if path.exists():
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    path.touch(mode=0o600)
    path.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").rstrip("\r\n")
