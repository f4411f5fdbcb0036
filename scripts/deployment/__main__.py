# SPDX-License-Identifier: AGPL-3.0-only
"""`python -m scripts.deployment deploy|open-market --rpc-url URL --record FILE [--set period_s=5 ...]`, without Ape.

The demo's two steps: between them the reporters publish the first round. Local chains only.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path

from web3 import HTTPProvider, Web3

from plumbline.errors import PlumblineError
from scripts.deployment import cast, record, steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain, DeployError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.deployment")
    parser.add_argument("step", choices=("deploy", "open-market"))
    parser.add_argument("--rpc-url", required=True)
    parser.add_argument("--record", required=True, type=Path, help="where the deployment is written down")
    parser.add_argument("--keys", type=Path, help="deploy: a folder for every role's keystore and their password")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="a parameter of cast.py")
    given = parser.parse_args()
    web3 = Web3(HTTPProvider(given.rpc_url, request_kwargs={"timeout": 30}))
    try:
        parameters = _parameters(given.set)
        if given.step == "deploy":
            chain = Chain(web3)
            steps.deploy(chain, parameters)
            if given.keys:
                cast.write_keys(given.keys)
        else:
            chain = Chain(web3, dict(record.read(given.record, web3).contracts))
            steps.open_market(chain, parameters)
        record.write(chain, given.record)
    except (DeployError, record.RecordError, PlumblineError, OSError) as error:
        print(f"deployment: {error}", file=sys.stderr)
        return 1
    print(json.dumps({key: deployed.address for key, deployed in chain.deployed.items()}, indent=1))
    return 0


def _parameters(pairs: list[str]) -> Parameters:
    known = {field.name for field in fields(Parameters)}
    chosen: dict[str, int] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in known or not value.isdecimal():
            raise DeployError(f"--set {pair}: expected NAME=NUMBER with a NAME of {', '.join(sorted(known))}")
        chosen[name] = int(value)
    return Parameters(**chosen)


if __name__ == "__main__":
    sys.exit(main())
