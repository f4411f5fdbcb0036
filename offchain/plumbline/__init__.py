# SPDX-License-Identifier: AGPL-3.0-only
"""Plumbline: an index-price oracle, an index vault, and the people who keep them true."""
