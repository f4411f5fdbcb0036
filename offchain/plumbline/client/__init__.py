# SPDX-License-Identifier: Apache-2.0
"""For integrators: prices of a MedianOracle and shares of an IndexVault from Python, exact and typed.

    from plumbline.client import Oracle, Vault, parse_units

Uses nothing else of this package but the generated ABIs, and neither needs web3 nor minds it: a provider is a URL, a
Web3, or Ape's. docs/client.md shows it at work.
"""

from plumbline.client.auctions import Auction as Auction
from plumbline.client.errors import ClientError as ClientError
from plumbline.client.errors import NoPrice as NoPrice
from plumbline.client.errors import Reverted as Reverted
from plumbline.client.errors import StalePrice as StalePrice
from plumbline.client.errors import Unreachable as Unreachable
from plumbline.client.events import Event as Event
from plumbline.client.events import Reorganised as Reorganised
from plumbline.client.oracle import AsyncOracle as AsyncOracle
from plumbline.client.oracle import Oracle as Oracle
from plumbline.client.oracle import OracleState as OracleState
from plumbline.client.oracle import Round as Round
from plumbline.client.permit import Permit as Permit
from plumbline.client.positions import Basket as Basket
from plumbline.client.positions import Nav as Nav
from plumbline.client.positions import Quote as Quote
from plumbline.client.positions import Settled as Settled
from plumbline.client.values import Amount as Amount
from plumbline.client.values import Average as Average
from plumbline.client.values import Feed as Feed
from plumbline.client.values import Notice as Notice
from plumbline.client.values import Price as Price
from plumbline.client.values import Token as Token
from plumbline.client.values import format_units as format_units
from plumbline.client.values import parse_units as parse_units
from plumbline.client.vault import AsyncVault as AsyncVault
from plumbline.client.vault import Vault as Vault
