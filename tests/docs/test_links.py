# SPDX-License-Identifier: AGPL-3.0-only
"""Who reads the repository without building the site finds every file its pages point to. (The site checks its own.)"""

from __future__ import annotations

import re

import pytest
from scripts.reference import pages
from tests.helpers.reader import ROOT

_LINK = re.compile(r"\[[^\]]+\]\((?!https?:|#)([^)\s#]+)")
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "STYLE.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "ops").rglob("*.md")),
    *sorted((ROOT / "deployments").rglob("*.md")),
]
MADE = {ROOT / "docs" / path for path in pages()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page__points_to_what_is_there(page) -> None:
    targets = [(page.parent / link).resolve() for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    assert [str(target.relative_to(ROOT)) for target in targets if not target.exists() and target not in MADE] == []


def test_readme__points_to_no_page_that_only_the_site_has() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        links = _LINK.findall((ROOT / name).read_text(encoding="utf-8"))
        assert [link for link in links if (ROOT / link).resolve() in MADE] == []
