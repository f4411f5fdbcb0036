# SPDX-License-Identifier: AGPL-3.0-only
"""The demo: starts every part as its own process, shows what they do, and stops them all. Decides nothing for them."""
