# SPDX-License-Identifier: AGPL-3.0-only
"""Which network a command looks at: a config file, or the chain's addresses as options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.overview.settings import OverviewConfig

ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar="PLUMBLINE_NETWORK", help="The network's TOML file: what to look at.")
]
RpcOption = Annotated[str | None, typer.Option("--rpc-url", help="Without a file: the chain's JSON-RPC endpoint.")]
OracleOption = Annotated[str | None, typer.Option("--oracle", help="Without a file: the oracle's address.")]
VaultOption = Annotated[str | None, typer.Option("--vault", help="Without a file: the vault's address, if any.")]


def network(config: Path | None, rpc_url: str | None, oracle: str | None, vault: str | None) -> OverviewConfig:
    """Raises ConfigError when neither a file nor the two options are given, or both."""
    import msgspec

    from plumbline.config import load
    from plumbline.errors import ConfigError
    from plumbline.overview.settings import OverviewConfig
    from plumbline.sections import explain

    options = {"rpc_url": rpc_url, "oracle": oracle, "vault": vault}
    given = {name: value for name, value in options.items() if value is not None}
    if config is not None:
        if given:
            raise ConfigError(f"--config names the network: expected no --{next(iter(given)).replace('_', '-')} beside")
        return load(config, OverviewConfig)
    if rpc_url is None or oracle is None:
        raise ConfigError(
            "expected --config FILE (a running demo's is <its folder>/web.toml), or --rpc-url URL --oracle ADDRESS"
        )
    try:
        return msgspec.convert(given, OverviewConfig)
    except msgspec.ValidationError as error:
        key, _, wrong = explain(str(error), given, OverviewConfig).partition(": ")
        raise ConfigError(f"--{key.replace('_', '-')}: {wrong}") from None
