# SPDX-License-Identifier: AGPL-3.0-only
"""Ports for test servers. Where a server can be given port 0, do that instead."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A loopback port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
