# SPDX-License-Identifier: AGPL-3.0-only
"""What a keeper shows to people and to Prometheus."""

from __future__ import annotations

from starlette.applications import Starlette

from plumbline.keeper.service import Keeper
from plumbline.transport.pages import node_routes


def keeper_app(keeper: Keeper) -> Starlette:
    return Starlette(routes=node_routes(keeper.metrics, keeper.unready, keeper.status))
