# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run manage ACTION --network ethereum:local:foundry`: what owner and guardian do, each with a preview of the
change, a simulation and a question before anything is sent; `ape run manage verify` compares a deployment with this
repository.

Exit status: 0 done, or all sound; 1 refused, not confirmed, or something is not as it should be; 2 wrong usage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from ape import Contract, accounts, networks
from ape.cli import ConnectedProviderCommand, network_option
from ethpm_types import ContractType

from plumbline.chain.abi import load_abi
from plumbline.client.errors import Reverted
from scripts.deployment import cast, record
from scripts.management import actions
from scripts.management.actions import KINDS, Action, ActionError, Target
from scripts.management.verify import verify

CONTRACT = click.Choice(["oracle", "vault"])


@click.group(short_help="What owner and guardian do, and verify")
def cli() -> None:
    """Each action shows what changes, is simulated, and asks."""


def _target() -> Target:
    provider = networks.active_provider
    try:
        return Target(provider.web3, record.read(record.path_of(provider.network.name), provider.web3))
    except record.RecordError as error:
        raise click.ClickException(str(error)) from None


def _sender(alias: str | None) -> Any:
    """An account of Ape's; on a local chain the cast's owner, who is its guardian too."""
    if alias is not None:
        return accounts.load(alias)
    if networks.active_provider.network.is_local:
        return accounts.test_accounts[cast.ROLES.index("owner")]
    raise click.UsageError("--account: expected the alias of an Ape account (`ape accounts list`)")


def _carry_out(build: Callable[[Target], Action], account: str | None, yes: bool) -> None:
    target, sender = _target(), _sender(account)
    try:
        action = build(target)
        gas = actions.simulate(target, action, str(sender.address))
    except ActionError as error:
        raise click.UsageError(str(error)) from None
    except Reverted as error:
        raise click.ClickException(f"refused in the simulation, nothing was sent: {error}") from None
    for line in actions.page(action, str(sender.address)):
        click.echo(line)
    click.echo(f"  simulated: goes through, {gas:,} gas")
    if not yes:
        click.confirm("send it?", abort=True)
    kind = KINDS[action.contract]
    abi = ContractType(contractName=kind, abi=load_abi(kind))
    contract = Contract(target.record.address(action.contract), contract_type=abi)
    receipt = getattr(contract, action.function)(*action.arguments, sender=sender)
    click.echo(f"done: {receipt.txn_hash} in block {receipt.block_number}")


def _action(name: str, build: Callable[..., Action], *parameters: click.Parameter, help: str) -> None:
    """Register one action; `build` gets the target and the parameters."""

    @network_option()
    @click.option("--account", help="Alias of an Ape account; on a local chain the owner.")
    @click.option("--yes", is_flag=True, help="Send without asking.")
    def run(account: str | None, yes: bool, **given: Any) -> None:
        _carry_out(lambda target: build(target, **given), account, yes)

    command = cli.command(name, cls=ConnectedProviderCommand, help=help)(run)
    command.params[:0] = parameters


def _argument(name: str, kind: Any = str) -> click.Argument:
    return click.Argument([name], type=kind)


_action("pause", actions.pause, _argument("contract", CONTRACT), help="Guardian or owner: pause oracle or vault.")
_action("unpause", actions.unpause, _argument("contract", CONTRACT), help="Owner: go on.")
_action("trip", actions.trip, _argument("feed"), help="Guardian or owner: hold one feed.")
_action("propose-clear", actions.propose_clear, _argument("feed"), help="Owner: announce that a feed is served again.")
_action("execute-clear", actions.execute_clear, _argument("feed"), help="Owner: serve it, after the delay.")
_action("remove-reporter", actions.remove_reporter, _argument("reporter"), help="Guardian or owner: at once.")
_action(
    "add-reporter",
    actions.add_reporter,
    _argument("reporter"),
    click.Option(["--faulty"], type=int, default=1, show_default=True, help="How many bad reporters are survived."),
    help="Owner: announce the next epoch with one reporter more.",
)
_action("execute-epoch", actions.execute_epoch, help="Owner: start the announced epoch, after the delay.")
_action("cancel-epoch", actions.cancel_epoch, help="Owner: take the announcement back.")
_action(
    "set-guardian",
    actions.set_guardian,
    _argument("contract", CONTRACT),
    _argument("guardian"),
    help="Owner: another guardian.",
)
_action(
    "transfer-ownership",
    actions.transfer_ownership,
    _argument("contract", CONTRACT),
    _argument("owner"),
    help="Owner: offer the ownership.",
)
_action(
    "set-supply-cap", actions.set_supply_cap, _argument("whole_shares", int), help="Owner: most shares there may be."
)
_action("set-fee-recipient", actions.set_fee_recipient, _argument("recipient"), help="Owner: who gets the fees.")
_action("collect-fees", actions.collect_fees, help="Anybody: pay the pending fees out.")


@cli.command("verify", cls=ConnectedProviderCommand)
@network_option()
def verify_command() -> None:
    """Compare bytecode, roles and parameters with this repository."""
    findings = verify(_target())
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        click.echo(f"{'ok  ' if finding.sound else 'FAIL'}  {finding.what:{width}}  {finding.told}")
    failed = sum(not finding.sound for finding in findings)
    click.echo(f"{len(findings)} checks, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)
