# SPDX-License-Identifier: AGPL-3.0-only
"""For mkdocs.yml: docs/index.md is about the index, so it gets another place, and start.md is the front page; reference
and benchmarks are made (scripts/reference); what points to files outside of docs/ is no link in the site."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.reference import pages

PLACES = {"index.md": "index-method.html", "start.md": "index.html"}
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    for file in files:
        file.dest_uri = PLACES.get(file.src_uri, file.dest_uri)
    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    def shown(link: re.Match[str]) -> str:
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), link["target"]))
        return link["text"] if inside.startswith("..") or link["target"].endswith("/") else link[0]

    return _LINK.sub(shown, markdown)
