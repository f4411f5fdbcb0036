# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run manage ACTION --network ethereum:local:foundry`: what owner and guardian do, each with a preview of the
change, a simulation and a question before anything is sent; `ape run manage verify` compares a deployment with this
repository.

Exit status: 0 done, or all sound; 1 refused, not confirmed, or something is not as it should be; 2 wrong usage.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from ape import Contract, accounts, networks
from ape.cli import ConnectedProviderCommand, network_option
from ethpm_types import ContractType

from plumbline.chain.abi import load_abi
from plumbline.client.errors import Reverted
from scripts.deployment import cast, record
from scripts.management import actions, oracle, periphery, rebalance, vault
from scripts.management.actions import KINDS, Action, ActionError, Target
from scripts.management.verify import verify

CONTRACT = click.Choice(["oracle", "vault"])
OWNED = click.Choice(["oracle", "vault", periphery.YIELDS, periphery.REGISTRY])
DEPLOYMENT = click.option(
    "--deployment",
    type=click.Path(path_type=Path),
    help="Its record, else $PLUMBLINE_DEPLOYMENT.",
)


@click.group(short_help="What owner and guardian do, and verify")
def cli() -> None:
    """Each action shows what changes, is simulated, and asks."""


def _target(deployment: Path | None, given: dict[str, str] | None = None) -> Target:
    """given: addresses by key, of what is not the deployment's."""
    provider = networks.active_provider
    path = deployment or record.path_of(provider.network.name)
    try:
        return Target(provider.web3, record.read(path, provider.web3), given or {})
    except record.RecordError as error:
        raise click.ClickException(str(error)) from None


def _sender(alias: str | None) -> Any:
    """An account of Ape's; on a local chain the cast's owner, who is its guardian too."""
    if alias is not None:
        return accounts.load(alias)
    if networks.active_provider.network.is_local:
        return accounts.test_accounts[cast.ROLES.index("owner")]
    raise click.UsageError("--account: expected the alias of an Ape account (`ape accounts list`)")


def _carry_out(build: Callable[[Target], Action], target: Target, account: str | None, yes: bool) -> None:
    sender = _sender(account)
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
    contract = Contract(target.where(action.contract), contract_type=abi)
    receipt = getattr(contract, action.function)(*action.arguments, sender=sender)
    click.echo(f"done: {receipt.txn_hash} in block {receipt.block_number}")


def _action(
    name: str, build: Callable[..., Action], *parameters: click.Parameter, help: str, of: str | None = None
) -> None:
    """Register one action; `build` gets the target and the parameters.

    of: the key of the contract whose address `--at` may give, or "contract": that which the parameter of this name has.
    """

    @network_option()
    @DEPLOYMENT
    @click.option("--account", help="Alias of an Ape account; on a local chain the owner.")
    @click.option("--yes", is_flag=True, help="Send without asking.")
    def run(deployment: Path | None, account: str | None, yes: bool, at: str | None = None, **given: Any) -> None:
        known = {} if at is None else {str(given.get(str(of), of)): at}
        _carry_out(lambda target: build(target, **given), _target(deployment, known), account, yes)

    command = cli.command(name, cls=ConnectedProviderCommand, help=help)(run)
    command.params[:0] = (*parameters, _AT) if of else parameters


def _argument(name: str, kind: Any = str) -> click.Argument:
    return click.Argument([name], type=kind)


def _option(*names: str, kind: Any = int, **more: Any) -> click.Option:
    return click.Option(list(names), type=kind, show_default="default" in more, **more)


_AT = _option("--at", kind=str, help="Its address, where it is not the deployment's.")
_FAULTY = _option("--faulty", help="How many bad reporters are survived; else as many as now.")
_SETTINGS = _option("--set", "settings", kind=str, multiple=True, help=f"NAME=NUMBER of {', '.join(oracle.SETTINGS)}.")
_STEP = _option(
    "--step", kind=click.Choice(vault.STEPS), default="do", help="Announce it first, do it 3 to 17 days later."
)

# -- oracle
_action("trip", oracle.trip, _argument("feed"), help="Guardian or owner: hold one feed.")
_action("propose-clear", oracle.propose_clear, _argument("feed"), help="Owner: announce that a feed is served again.")
_action("execute-clear", oracle.execute_clear, _argument("feed"), help="Owner: serve it, after the delay.")
_action("remove-reporter", oracle.remove_reporter, _argument("reporter"), help="Guardian or owner: at once.")
_action(
    *("add-reporter", oracle.add_reporter, _argument("reporter"), _FAULTY),
    help="Owner: announce the next epoch with one reporter more.",
)
_action(
    *("change-feed", oracle.change_feed, _argument("feed"), _SETTINGS, _FAULTY),
    help="Owner: announce the next epoch with other settings of a feed.",
)
_action(
    *("add-feed", oracle.add_feed, _argument("name")),
    _option("--like", kind=str, required=True, help="A feed whose settings it gets, but for those given."),
    _option("--decimals", help="Of its price; else as those of --like."),
    *(_SETTINGS, _FAULTY),
    help="Owner: announce the next epoch with one feed more.",
)
_action("execute-epoch", oracle.execute_epoch, help="Owner: start the announced epoch, after the delay.")
_action("cancel-epoch", oracle.cancel_epoch, help="Owner: take the announcement back.")
_action(
    *("announce-end", oracle.announce_end, _argument("feed")),
    _option("--days", required=True, help="Until the end; 14 or more."),
    _option("--reason", kind=str, default="", help="In words, for people."),
    _option("--successor", kind=str, help="Address of the oracle to read instead."),
    _option("--successor-feed", default=0, help="Index of the feed there."),
    help="Owner: tell readers that a feed will end.",
)
_action("withdraw-end", oracle.withdraw_end, _argument("feed"), help="Owner: it goes on after all.")

# -- either contract
_action("pause", vault.pause, _argument("contract", CONTRACT), help="Guardian or owner: pause oracle or vault.")
_action("unpause", vault.unpause, _argument("contract", CONTRACT), help="Owner: go on.")
_action(
    *("set-guardian", vault.set_guardian, _argument("contract", CONTRACT), _argument("guardian")),
    help="Owner: another guardian.",
)
_action(
    *("transfer-ownership", vault.transfer_ownership, _argument("contract", OWNED), _argument("owner")),
    help="Owner: offer the ownership.",
    of="contract",
)
_action(
    *("accept-ownership", vault.accept_ownership, _argument("contract", OWNED)),
    help="The new owner: take what was offered.",
    of="contract",
)

# -- vault
_action("set-supply-cap", vault.set_supply_cap, _argument("whole_shares", int), help="Owner: most shares there may be.")
_action("set-fee-recipient", vault.set_fee_recipient, _argument("recipient"), help="Owner: who gets the fees.")
_action("collect-fees", vault.collect_fees, help="Anybody: pay the pending fees out.")
_action(
    *("set-rebasing", vault.set_rebasing, _argument("component"), _argument("rebasing", bool)),
    help="Owner: check this component's balance in each mint and redeem, or not.",
)
_action(
    *("set-fees", vault.set_fees, _argument("mint_bps", int), _argument("redeem_bps", int)),
    *(_argument("streaming_bps", int), _STEP),
    help="Owner: the fees, once announced.",
)
_action(
    *("set-registry", vault.set_registry, _argument("registry"), _STEP),
    help="Owner: who is asked before shares move, once announced.",
)
_action(
    *("set-flash-terms", vault.set_flash_terms, _argument("fee_bps", int), _argument("cap_shares", int), _STEP),
    help="Owner: flash mints of the share, once announced.",
)
_action("wind-down", vault.wind_down, _STEP, help="Owner: the end of the index, once announced.")

# -- rebalance
_action(
    *("propose-rebalance", rebalance.propose),
    _option("--unit", "units", kind=str, multiple=True, help="TOKEN=BASE_UNITS a share is to hold; 0: it leaves."),
    _option("--add", "additions", kind=str, multiple=True, help="ADDRESS=BASE_UNITS of an approved token that comes."),
    _option("--start-bps", default=10_100, help="Of the oracle's price, where bids start."),
    _option("--floor-bps", default=9_950, help="Where they end."),
    _option("--duration-s", default=3_600, help="From start to floor."),
    _option("--max-age-s", default=600, help="Oldest price a bid may use."),
    help="Owner or rebalancer: say what the index is to become.",
)
_action("open-rebalance", rebalance.open_rebalance, help="Owner or rebalancer: begin, 1 to 8 days after the proposal.")
_action("cancel-rebalance", rebalance.cancel, help="Owner, rebalancer or guardian: take a proposal back.")
_action("contest-rebalance", rebalance.contest, help="Anybody: take back one that writes off what has a price.")
_action("close-rebalance", rebalance.close, help="Anybody once bids are over; owner, rebalancer, guardian before.")
_action("pause-auctions", rebalance.pause, help="Guardian or owner: no bids.")
_action("unpause-auctions", rebalance.unpause, help="Owner: go on.")
_action("set-rebalancer", rebalance.set_rebalancer, _argument("rebalancer"), help="Owner: who proposes beside it.")
_action(
    *("set-limits", rebalance.set_limits, _argument("floor_bps", int), _argument("delay_days", int)),
    help="Owner: the lowest floor and shortest wait of the rebalancer.",
)
_action(
    *("approve-component", rebalance.approve_component, _argument("token"), _argument("feed")),
    help="Owner: this token may be added, 3 days from now.",
)
_action("revoke-component", rebalance.revoke_component, _argument("token"), help="Owner: it may not.")


# -- desk, yield feeds, registry of holders
_BOUNDS = (
    _option("--min-rate", kind=str, required=True, help="Lowest assets a share."),
    _option("--max-rate", kind=str, required=True, help="Highest."),
)
_action(
    *("desk-terms", periphery.desk_terms, _argument("spread_bps", int), _argument("min_shares", int)),
    _argument("max_shares", int),
    help="Maker: which requests are taken from now on, in whole shares.",
    of=periphery.DESK,
)
_action(
    *("add-yield-feed", periphery.add_yield_feed, _argument("name"), _argument("vault"), _argument("asset_feed")),
    *_BOUNDS,
    _option("--up-bps", required=True, help="That the rate may rise a day."),
    _option("--down-bps", required=True, help="That it may fall a day."),
    help="Owner: price the shares of an ERC-4626 vault.",
    of=periphery.YIELDS,
)
_action(
    *("checkpoint", periphery.checkpoint, _argument("feed")),
    help="Keeper or owner: count a yield feed's limits from now.",
    of=periphery.YIELDS,
)
_action(
    *("propose-anchor", periphery.propose_anchor, _argument("feed"), *_BOUNDS),
    help="Owner: announce that limits begin anew.",
    of=periphery.YIELDS,
)
_action(
    *("execute-anchor", periphery.execute_anchor, _argument("feed")),
    help="Owner: begin, after the delay, within 7 days.",
    of=periphery.YIELDS,
)
_action(
    *("cancel-anchor", periphery.cancel_anchor, _argument("feed")),
    help="Owner: take the announcement back.",
    of=periphery.YIELDS,
)
_action(
    *("set-yield-keeper", periphery.set_yield_keeper, _argument("keeper")),
    help="Owner: who makes checkpoints beside it.",
    of=periphery.YIELDS,
)
_action(
    *("set-registrar", periphery.set_registrar, _argument("registrar"), _argument("allowed", bool)),
    help="Owner: who registers holders, or no longer does.",
    of=periphery.REGISTRY,
)
_action(
    *("register", periphery.register, click.Argument(["accounts"], nargs=-1)),
    _option("--until", required=True, help="Unix time of the last second; in the past: not any more."),
    help="Registrar: who may hold shares, and until when.",
    of=periphery.REGISTRY,
)


@cli.command("verify", cls=ConnectedProviderCommand)
@network_option()
@DEPLOYMENT
def verify_command(deployment: Path | None) -> None:
    """Compare bytecode, roles and parameters with this repository."""
    findings = verify(_target(deployment))
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        click.echo(f"{'ok  ' if finding.sound else 'FAIL'}  {finding.what:{width}}  {finding.told}")
    failed = sum(not finding.sound for finding in findings)
    click.echo(f"{len(findings)} checks, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)
