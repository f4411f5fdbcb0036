# SPDX-License-Identifier: AGPL-3.0-only
"""The order of things: `deploy` puts every contract and every token in place, `open_market` makes the pool around NAV.

Between the two lies the oracle's first round: nothing here knows a price. In the demo it comes from the reporters; on a
quiet local chain, which has none, `opening_round` signs one with their (published) keys.
"""

from __future__ import annotations

from eth_typing import ChecksumAddress
from web3.contract import Contract

from plumbline.chain.signing import LocalKey
from plumbline.chain.typed_data import domain_separator, pack, row_digest
from plumbline.chain.uniswap import Uniswap, deploy_uniswap, pool_code_hash
from plumbline.core.models import Row
from scripts.artifacts import compile_contract, compile_many
from scripts.deployment import cast, pools, pools_v4
from scripts.deployment.cast import COMPONENTS, FEEDS, QUOTE, Parameters
from scripts.deployment.chain import Chain, DeployError

WAD = 10**18
FOREVER = 2**256 - 1
NOBODY = "0x" + "00" * 20
SOLC = pools.SOLC
CONTRACTS = (
    *("FeedSetWriter", "MedianOracle", "AggregatorAdapter", "ParityArbitrageur"),
    *("AuctionHouse", "IndexVaultExtension", "IndexVault", "IndexFactory"),
    *("IndexLens", "IndexRouter", "IndexQuoter", "FeedNotices"),
    *("MockERC20", "MockNoReturnERC20", "MockWETH9"),
)


def deploy(chain: Chain, parameters: Parameters) -> None:
    """Every contract, every token to its holder, every approval: all that needs no price."""
    refuse_other_than_local(chain)
    compile_many(CONTRACTS)
    deploy_tokens(chain)
    deploy_oracle(chain, parameters)
    deploy_vault(chain, parameters)
    deploy_exchange(chain)
    deploy_periphery(chain)
    fill_pockets(chain, parameters)


def refuse_other_than_local(chain: Chain) -> None:
    """The mocks mint for anybody and the keys are published: on any other chain this would be giving money away."""
    if chain.web3.eth.chain_id != cast.LOCAL_CHAIN_ID:
        raise DeployError(
            f"chain {chain.web3.eth.chain_id}: this deployment has mock tokens and published keys, "
            f"it is for a local chain ({cast.LOCAL_CHAIN_ID}) only"
        )


def deploy_tokens(chain: Chain) -> None:
    for token in COMPONENTS:
        arguments = (token.name, token.symbol, token.decimals)
        chain.deploy(f"token {token.symbol}", token.contract, *arguments, sender=cast.address("owner"))


def deploy_oracle(chain: Chain, parameters: Parameters) -> None:
    """The oracle over the cast's feeds and reporters, and one AggregatorV3 facade for each feed."""
    owner = cast.address("owner")
    feeds = [
        {
            "name": feed.name,
            "decimals": feed.decimals,
            "quorum": parameters.quorum,
            "heartbeat": parameters.heartbeat_s,
            "deviation_bps": parameters.deviation_bps,
            "guards": {
                "min_price": feed.floor,
                "max_price": feed.ceiling,
                "first_min_price": feed.floor,
                "first_max_price": feed.ceiling,
                "step_bps": feed.step_bps,
                # A long gap allows a longer step: a tenth of it more for each minute, up to twice.
                "step_growth_bps": feed.step_bps // 10,
                "step_cap_bps": 2 * feed.step_bps,
                "confirm_rounds": 3,
                "confirm_seconds": 2 * parameters.period_s,
            },
        }
        for feed in FEEDS
    ]
    terms = {
        "period": parameters.period_s,
        "history": 4_096,
        "max_lateness": parameters.max_lateness_s,
        "delay": parameters.owner_delay_s,
        "sequencer": NOBODY,
        "twap": False,
        "writer": chain.deploy("feed set writer", "FeedSetWriter", sender=owner).address,
    }
    reporters = [cast.address(role) for role in cast.REPORTERS]
    faulty = (parameters.quorum - 1) // 2
    oracle = chain.deploy("oracle", "MedianOracle", feeds, reporters, faulty, terms, owner, owner, sender=owner)
    for index, feed in enumerate(FEEDS):
        chain.deploy(f"feed {feed.name}", "AggregatorAdapter", oracle.address, index, sender=owner)


def deploy_vault(chain: Chain, parameters: Parameters) -> None:
    """The auction house, both halves of the implementation, the factory, and one index of it: a clone."""
    owner = cast.address("owner")
    house = chain.deploy("auction house", "AuctionHouse", sender=owner)
    extension = chain.deploy("vault extension", "IndexVaultExtension", house.address, sender=owner)
    implementation = chain.deploy("vault implementation", "IndexVault", extension.address, sender=owner)
    factory = chain.deploy("index factory", "IndexFactory", implementation.address, sender=owner)
    index = {
        "name": cast.INDEX_NAME,
        "symbol": cast.INDEX_SYMBOL,
        "tokens": [chain.address(f"token {token.symbol}") for token in COMPONENTS],
        "units": [token.per_share * WAD for token in COMPONENTS],
        "oracle": chain.address("oracle"),
        "feeds": [cast.feed_index(token.feed) for token in COMPONENTS],
        "mint_fee_bps": parameters.mint_fee_bps,
        "redeem_fee_bps": parameters.redeem_fee_bps,
        "streaming_fee_bps": parameters.streaming_fee_bps,
        "owner": owner,
        "fee_recipient": owner,
    }
    chain.send(factory.functions.create(index), owner)
    vault = chain.read(factory.functions.index_at(chain.read(factory.functions.index_count()) - 1))
    chain.remember("vault", "IndexVault", vault, [index], "EIP-1167 clone")


def deploy_exchange(chain: Chain) -> None:
    """The real Uniswap v3, and the keeper's atomic trade, which belongs to whoever deploys it."""
    owner = cast.address("owner")
    weth = chain.deploy("weth", "MockWETH9", sender=owner)
    uniswap = deploy_uniswap(chain.web3, owner, weth.address)
    for key, name, where, arguments in (
        ("uniswap factory", "UniswapV3Factory", uniswap.factory, []),
        ("position manager", "NonfungiblePositionManager", uniswap.position_manager, None),
        ("swap router", "SwapRouter", uniswap.router, [uniswap.factory, uniswap.weth]),
        ("quoter", "QuoterV2", uniswap.quoter, [uniswap.factory, uniswap.weth]),
    ):
        chain.remember(key, name, where, arguments, SOLC)
    chain.deploy(
        "arbitrageur",
        "ParityArbitrageur",
        chain.address("vault"),
        chain.address(f"token {QUOTE}"),
        cast.feed_index(cast.component(QUOTE).feed),
        uniswap.factory,
        pool_code_hash(),
        sender=cast.address("keeper"),
    )


def deploy_periphery(chain: Chain) -> None:
    """What people reach an index through, and where an owner gives notice: nobody owns it, and it holds nothing."""
    owner = cast.address("owner")
    chain.deploy("index lens", "IndexLens", sender=owner)
    factories = (chain.address("index factory"), chain.address("uniswap factory"))
    router = chain.deploy("index router", "IndexRouter", *factories, sender=owner)
    chain.deploy("index quoter", "IndexQuoter", router.address, sender=owner)
    chain.deploy("feed notices", "FeedNotices", sender=owner)


def fill_pockets(chain: Chain, parameters: Parameters) -> None:
    """What keeper, trader and liquidity provider start with, and whom they allow to take it."""
    inventory, pooled = parameters.inventory_shares, parameters.pool_shares * 11 // 10 + parameters.v4_pool_shares
    # As much again as it puts into the components' pools: what it moves them with.
    moved = 2 * (parameters.pooled_components + parameters.v4_pool_shares)
    _give_components(chain, "liquidity-provider", moved)
    _give(chain, QUOTE, "liquidity-provider", 1_000 * moved * 10 ** cast.component(QUOTE).decimals)
    _give_components(chain, "keeper", inventory)
    for role, shares in (("trader", inventory), ("liquidity-provider", pooled)):
        # A fiftieth more than the shares hold: the mint fee, rounding up.
        _give_components(chain, role, shares + shares // 50)
        _mint(chain, role, shares)
    # Each side's worth in the quote again, at any price a share of this basket could have.
    for role, shares in (("keeper", inventory), ("trader", inventory), ("liquidity-provider", pooled)):
        _give(chain, QUOTE, role, shares * 1_000 * 10 ** cast.component(QUOTE).decimals)
    spenders = {"keeper": "arbitrageur", "trader": "swap router", "liquidity-provider": "position manager"}
    for token in COMPONENTS:
        _approve(chain, f"token {token.symbol}", "keeper", chain.address(spenders["keeper"]))
    for role in ("trader", "liquidity-provider"):
        for key in ("vault", f"token {QUOTE}"):
            _approve(chain, key, role, chain.address(spenders[role]))
    for token in COMPONENTS:
        _approve(chain, f"token {token.symbol}", "liquidity-provider", chain.address("position manager"))
        _approve(chain, f"token {token.symbol}", "liquidity-provider", chain.address("swap router"))
    arbitrageur = chain.at("arbitrageur", compile_contract("ParityArbitrageur").abi)
    floats = [inventory * token.per_share for token in COMPONENTS]
    chain.send(arbitrageur.functions.deposit_float(floats), cast.address("keeper"))


def opening_round(chain: Chain, parameters: Parameters) -> None:
    """A first round for a chain without reporters: the cast's opening prices, signed by a quorum of published keys."""
    oracle = chain.at("oracle", compile_contract("MedianOracle").abi)
    domain = domain_separator(chain.web3.eth.chain_id, oracle.address)
    now = chain.web3.eth.get_block("latest")["timestamp"]
    timestamp = now // parameters.period_s * parameters.period_s
    row = Row(chain.read(oracle.functions.epoch()), timestamp, tuple(feed.opening for feed in FEEDS))
    digest, words = row_digest(domain, row), list(pack(row.prices))
    signers, rows, signatures = 0, [], []
    for place, role in enumerate(cast.REPORTERS[: parameters.quorum]):
        signers |= (cast.REPORTERS.index(role) + 1) << (8 * place)
        rows += words
        signatures += LocalKey(bytes(cast.account(role).key)).sign(digest)
    # All rows are equal, and so is their median.
    chain.send(oracle.functions.submit(timestamp, signers, words, rows, signatures), cast.address("relayer"))


def open_market(chain: Chain, parameters: Parameters) -> None:
    """The pools of share and quote at NAV, and of every component and quote at the oracle's price, with liquidity on
    both sides; those of v4 where they are wanted. Needs a round no older than two heartbeats."""
    max_age_s, uniswap = 2 * parameters.heartbeat_s, _uniswap(chain)
    pooled, per_share = parameters.pool_shares, quote_per_share(chain, max_age_s)
    worth = {chain.address("vault"): pooled * WAD, chain.address(f"token {QUOTE}"): pooled * per_share}
    pools.open_pool(chain, uniswap, "pool", worth, pools.Tier(parameters.pool_fee_pips, 100, None))
    side = pools.Tier(parameters.side_pool_fee_pips, 10, None)
    pools.open_pool(chain, uniswap, f"pool share {side.fee_pips}", worth, side)
    pools.open_component_pools(chain, parameters, uniswap, max_age_s)
    if more := parameters.v4_pool_shares:
        worth = {chain.address("vault"): more * WAD, chain.address(f"token {QUOTE}"): more * per_share}
        components = [worth for _, worth in pools.component_worths(chain, more, max_age_s)]
        pools_v4.open_v4_pools(chain, [worth, *components])


def quote_per_share(chain: Chain, max_age_s: int) -> int:
    """NAV of one whole share in base units of the quote token, which has a price of its own."""
    vault = chain.at("vault", compile_contract("IndexVault").abi)
    oracle = chain.at("oracle", compile_contract("MedianOracle").abi)
    quote = cast.component(QUOTE)
    index = cast.feed_index(quote.feed)
    nav_wad = chain.read(vault.functions.nav(max_age_s))
    price = chain.read(oracle.functions.price(index, max_age_s))
    return nav_wad * 10 ** (quote.decimals + FEEDS[index].decimals) // (WAD * price)


def _uniswap(chain: Chain) -> Uniswap:
    keys = ("uniswap factory", "position manager", "swap router", "quoter", "weth")
    return Uniswap(*(chain.address(key) for key in keys))


def _token(chain: Chain, key: str) -> Contract:
    return chain.at(key, compile_contract("MockERC20").abi)


def _give(chain: Chain, symbol: str, role: str, amount: int) -> None:
    chain.send(_token(chain, f"token {symbol}").functions.mint(cast.address(role), amount), cast.address("owner"))


def _give_components(chain: Chain, role: str, shares: int) -> None:
    for token in COMPONENTS:
        _give(chain, token.symbol, role, shares * token.per_share)


def _approve(chain: Chain, key: str, role: str, spender: ChecksumAddress, amount: int = FOREVER) -> None:
    chain.send(_token(chain, key).functions.approve(spender, amount), cast.address(role))


def _mint(chain: Chain, role: str, shares: int) -> None:
    """Shares for `role` out of its own components, at most what it was given for them."""
    vault = chain.at("vault", compile_contract("IndexVault").abi)
    amounts = chain.read(vault.functions.preview_mint(shares * WAD))
    for token, amount in zip(COMPONENTS, amounts, strict=True):
        _approve(chain, f"token {token.symbol}", role, vault.address, amount)
    chain.send(vault.functions.mint(shares * WAD, cast.address(role), amounts, FOREVER), cast.address(role))
