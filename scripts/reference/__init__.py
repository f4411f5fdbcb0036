# SPDX-License-Identifier: AGPL-3.0-only
"""The reference pages of the site, made at each build from what the code says of itself.

Nothing is compiled, and of the package only the command line is imported: sources are read.
"""

from __future__ import annotations

from scripts.reference import benchmarks, client, commands, contracts, settings

AREAS = ("oracle", "vault", "execution", "periphery")
"""Folders of contracts/, a page each."""


def pages() -> dict[str, str]:
    """Markdown by the page's path in the site."""
    made = {f"reference/{area}.md": contracts.page(area) for area in AREAS}
    made["reference/client.md"] = client.page()
    made["reference/commands.md"] = commands.page()
    made["reference/settings.md"] = settings.page()
    made["benchmarks.md"] = benchmarks.page()
    return made
