# SPDX-License-Identifier: AGPL-3.0-only
"""For mkdocs.yml: docs/index.md is about the index, so it gets another place, and start.md is the front page."""

from __future__ import annotations

from typing import Any

PLACES = {"index.md": "index-method.html", "start.md": "index.html"}


def on_files(files: Any, config: Any) -> Any:
    for file in files:
        file.dest_uri = PLACES.get(file.src_uri, file.dest_uri)
    return files
