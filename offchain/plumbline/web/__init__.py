# SPDX-License-Identifier: AGPL-3.0-only
"""The page that follows the price: one screen, live, read only."""
