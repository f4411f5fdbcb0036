# SPDX-License-Identifier: AGPL-3.0-only
"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Option("--config", help="The node's TOML file.")]
OracleAddress = Annotated[str, typer.Option("--oracle", help="The oracle's address.")]
RpcUrl = Annotated[str, typer.Option("--rpc-url", help="The chain's JSON-RPC endpoint.")]
Folder = Annotated[Path, typer.Option("--dir", help="Where to write it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Decide and log it; sign nothing, send nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Plain JSON, for programs.")]
LOCAL_RPC = "http://127.0.0.1:8545"
