# SPDX-License-Identifier: AGPL-3.0-only
"""`eval "$(scripts/run python -m scripts.deployment.variables)"`: what `ape run deploy` wrote, as variables of a shell.

RPC_URL, and every contract under its name in the record: ORACLE, VAULT, INDEX_FACTORY, TOKEN_USDC, FEED_BTC_USD.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from scripts.deployment import record

LOCAL_RPC = "http://127.0.0.1:8545"


def exports(path: Path, rpc_url: str) -> list[str]:
    """A line each, safe to evaluate: a name is letters, digits and underscores, an address is one."""
    lines = [f"export RPC_URL={shlex.quote(rpc_url)}"]
    for key, known in record.read(path).contracts.items():
        if not re.fullmatch("0x[0-9a-fA-F]{40}", known.address):
            raise record.RecordError(f"{path.name}: {key}: expected an address, got {known.address!r}")
        lines.append(f"export {re.sub('[^A-Z0-9]', '_', key.upper())}={known.address}")
    return lines


def main() -> int:
    try:
        print("\n".join(exports(record.path_of("local"), os.environ.get("APE_FOUNDRY_HOST", LOCAL_RPC))))
    except record.RecordError as error:
        print(f"plumbline: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
