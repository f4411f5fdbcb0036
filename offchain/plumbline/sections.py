# SPDX-License-Identifier: AGPL-3.0-only
"""What the sections of a config are made of, and how a TOML file becomes one.

Every section is a Struct that refuses unknown keys. A check that needs two keys lives in `__post_init__` and raises
ValueError("key: expected ..."); the section's own path is put before it here. Paths are relative to the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from plumbline.errors import ConfigError

_ENVIRONMENT: Final = "PLUMBLINE__"
"""PLUMBLINE__CHAIN__RPC_URL=... replaces chain.rpc_url of whatever file is read."""

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Instant = Annotated[datetime, Meta(tz=True)]
"""A TOML date-time with an offset: 2023-03-11T06:00:00Z."""
Name = Annotated[str, Meta(min_length=1, max_length=32)]
PoolFee = Annotated[int, Meta(ge=1, lt=1_000_000)]
"""Fee tier of a Uniswap v3 pool {1e-6}."""
Decimal = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,18})?\Z")]
"""A plain decimal as text ("1600.50"): exact, unlike a TOML float."""
_ADDRESS = r"^0x[0-9a-fA-F]{40}\Z"
_SYMBOL = r"^[A-Z0-9]{1,15}/[A-Z0-9]{1,15}\Z"
_IN_WORDS = {_ADDRESS: "an address: 0x and 40 hex digits", _SYMBOL: "BASE/QUOTE"}
Address = Annotated[str, Meta(pattern=_ADDRESS)]
Symbol = Annotated[str, Meta(pattern=_SYMBOL)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every section: immutable, no unknown keys."""


def check_url(key: str, url: str, schemes: tuple[str, ...]) -> None:
    """Raises ValueError without the address: its path, query or user may be a secret, and errors go to logs."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        begins = [f"{scheme}://" for scheme in schemes]
        got = next((f"{begin}... with a bad host or port" for begin in begins if url.startswith(begin)), None)
        raise ValueError(f"{key}: expected a {' or '.join(begins)} address, got {got or 'something else'} (not shown)")


def check_unique(key: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{key}: expected each name once, got {name!r} {count} times")


T = TypeVar("T", bound=Section)


def load(path: Path, kind: type[T]) -> T:
    """Read one config file. Raises ConfigError for a missing, malformed, mistyped or senseless one."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    overridden = _override(data, os.environ)
    base = path.resolve().parent

    def decode(wanted: type, value: Any) -> Any:
        if wanted is Path and isinstance(value, str):
            return base / Path(value).expanduser()
        raise ValueError(f"Expected `str`, got `{type(value).__name__}`")

    try:
        return msgspec.convert(data, kind, dec_hook=decode)
    except msgspec.ValidationError as error:
        explained = explain(str(error), data, kind)
        where = explained.partition(": ")[0]
        variables = (name for key, name in overridden.items() if re.match(rf"{re.escape(key)}(?![^.\[])", where))
        raise ConfigError(f"{next(variables, path)}: {explained}") from None


def _override(data: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Put values of the environment over the file's: a TOML value, or else text. Returns key -> variable."""
    overridden = {}
    for name, value in environment.items():
        if not name.startswith(_ENVIRONMENT):
            continue
        *sections, key = name.removeprefix(_ENVIRONMENT).lower().split("__")
        table = data
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{name}: expected the name of a key outside of lists")
        try:
            table[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[key] = value
        overridden[".".join((*sections, key))] = name
    return overridden


_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<field>[^`]*)`")


def explain(message: str, data: dict[str, Any], kind: type[Section]) -> str:
    """Turn msgspec's message ("Expected `int`, got `str` - at `$.a[0].b`") into "a[0].b: expected int, got str"."""
    match = _AT.fullmatch(message)
    what, where = (match["what"], match["where"] or "") if match else (message, "")
    if field := _FIELD.fullmatch(what):
        missing = field["how"].startswith("missing")
        wrong = "required, but missing" if missing else f"unknown key; known: {', '.join(_known_keys(kind, where))}"
        return f"{_join(where, field['field'])}: {wrong}"
    if not what.startswith("Expected"):
        # From a __post_init__: names its own key first.
        return _join(where, what)
    what = what.replace("`", "").replace("Expected", "expected", 1)
    for pattern, words in _IN_WORDS.items():
        what = what.replace(f"str matching regex {pattern!r}", words)
    if "got" not in what:
        what += f", got {_value_at(data, where)!r}"
    return f"{where}: {what}"


def _join(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _steps(where: str) -> list[str]:
    """ "a[0].b" is a, 0, b."""
    return re.findall(r"[^.\[\]]+", where)


def _known_keys(kind: type[Section], where: str) -> list[str]:
    """The keys of the section at `where`: each of its sections is a Struct, a tuple of one, or an optional one."""
    for step in _steps(where):
        if not step.isdigit():
            held = get_type_hints(kind)[step]
            # A section, an optional section, or a list of sections.
            kind = held if isinstance(held, type) else get_args(held)[0]
    return list(kind.__struct_fields__)


def _value_at(data: Any, where: str) -> Any:
    for step in _steps(where):
        data = data[int(step)] if isinstance(data, list) else data[step]
    return data
