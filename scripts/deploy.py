# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run deploy --network ethereum:local:foundry`: the whole of Plumbline on the chain that `make chain` keeps.

Writes deployments/local.json, where `ape console` (ape_console_extras.py) finds it. A chain on another port:
APE_FOUNDRY_HOST=http://127.0.0.1:8546 before the command.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

import click
from ape import networks

from scripts.deployment import record, steps
from scripts.deployment.cast import QUIET
from scripts.deployment.chain import Chain, DeployError

NETWORK: Final = "ethereum:local:foundry"
PARAMETERS: Final = replace(QUIET, v4_pool_shares=1_000)
"""A market in each generation of Uniswap's."""


def main() -> None:
    provider = networks.active_provider
    chain, parameters = Chain(provider.web3), PARAMETERS
    path = record.path_of(provider.network.name)
    try:
        steps.deploy(chain, parameters)
        # No reporter runs here: the published keys sign the prices to begin with.
        steps.opening_round(chain, parameters)
        steps.open_market(chain, parameters)
    except DeployError as error:
        raise click.ClickException(str(error)) from error
    written = record.write(chain, path)
    for key, deployed in written.contracts.items():
        click.echo(f"{key:22} {deployed.address}  {deployed.contract}")
    host = os.environ.get("APE_FOUNDRY_HOST")
    where = f"APE_FOUNDRY_HOST={host} " if host else ""
    click.echo(f"\nwritten to {path.parent.name}/{path.name}; next:")
    click.echo(f"  {where}scripts/run ape console --network {NETWORK}")
