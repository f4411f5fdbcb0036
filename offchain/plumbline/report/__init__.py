# SPDX-License-Identifier: AGPL-3.0-only
"""What happened in a period, as one page, tables and pictures: from the page's history, journals and the chain."""
