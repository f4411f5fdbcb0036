# SPDX-License-Identifier: AGPL-3.0-only
"""What owner and guardian do, and whether a deployment is what this repository would have deployed."""
