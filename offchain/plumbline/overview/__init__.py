# SPDX-License-Identifier: AGPL-3.0-only
"""How a whole network stands, as anybody can see it: from its chain and from the pages of its nodes. Sends nothing."""
