# SPDX-License-Identifier: AGPL-3.0-only
"""A local chain with tokens and the real Uniswap on it, for tests and benches of the market."""

from __future__ import annotations

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from scripts.artifacts import compile_contract
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from plumbline.chain.uniswap import Uniswap, deploy_uniswap


def connect(url: str) -> Web3:
    return Web3(HTTPProvider(url, request_kwargs={"timeout": 30}))


def deploy(web3: Web3, name: str, *args: object, sender: ChecksumAddress) -> Contract:
    """One of our own contracts, compiled by the pinned compiler."""
    artifact = compile_contract(name)
    factory = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    receipt = web3.eth.wait_for_transaction_receipt(factory.constructor(*args).transact({"from": sender}))
    assert receipt["status"] == 1, name
    return web3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi)


def send(web3: Web3, call, sender: ChecksumAddress):
    receipt = web3.eth.wait_for_transaction_receipt(call.transact({"from": sender}))
    assert receipt["status"] == 1, call.fn_name
    return receipt


@dataclass(frozen=True)
class TokenPair:
    """Two free-for-all tokens in the pool's order, with everything approved for one trader."""

    web3: Web3
    trader: ChecksumAddress
    token0: Contract
    token1: Contract
    uniswap: Uniswap


def token_pair(web3: Web3, supply: int = 10**40) -> TokenPair:
    trader = web3.eth.accounts[0]
    tokens = [deploy(web3, "MockERC20", f"Token {i}", f"T{i}", 18, sender=trader) for i in range(2)]
    token0, token1 = sorted(tokens, key=lambda token: int(token.address, 16))
    weth = deploy(web3, "MockWETH9", sender=trader)
    uniswap = deploy_uniswap(web3, trader, weth.address)
    for token in (token0, token1):
        send(web3, token.functions.mint(trader, supply), trader)
        for spender in (uniswap.position_manager, uniswap.router):
            send(web3, token.functions.approve(spender, 2**256 - 1), trader)
    return TokenPair(web3, trader, token0, token1, uniswap)
