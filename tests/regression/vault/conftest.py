# SPDX-License-Identifier: AGPL-3.0-only
"""The stage of the vault's unit tests, for the findings that are about the vault."""

from __future__ import annotations

from tests.unit.vault.conftest import *  # noqa: F403  pytest finds fixtures by name
