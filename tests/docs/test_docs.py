# SPDX-License-Identifier: AGPL-3.0-only
"""Every block of the tutorials and of the client's page goes well as written, on one chain; the site has no warning."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from scripts.deployment import cast
from tests.helpers.anvil import rpc
from tests.helpers.ports import free_port
from tests.helpers.reader import OWN_TERMINAL, ROOT, SHOWN, Block, Reader, WarmApe, blocks

DOCS = ROOT / "docs"
OPENING = DOCS / "tutorials" / "read-a-price.md"
PAGES = (
    "tutorials/read-a-price.md",
    "client.md",
    "tutorials/own-a-share.md",
    "tutorials/launch-an-index.md",
    "tutorials/become-a-reporter.md",
    "tutorials/run-a-keeper.md",
    "tutorials/survive-an-incident.md",
)
BEFORE = {"client.md": blocks(DOCS / "tutorials" / "own-a-share.md")[:2]}
"""It takes an account that has components."""
PLAYED_ELSEWHERE = "tutorials/run-it.md"
"""The demo and a look at it: tests/integration/test_e2e.py plays both, twice would be too long."""


def test_pages__are_all_read() -> None:
    with_code = {
        str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if "```python\nimport os" in path.read_text()
    }
    tutorials = {str(path.relative_to(DOCS)) for path in (DOCS / "tutorials").glob("*.md")}
    assert with_code | tutorials == {*PAGES, PLAYED_ELSEWHERE}


def test_demo_page__asks_for_what_the_demo_knows() -> None:
    words = {word for block in blocks(DOCS / PLAYED_ELSEWHERE) for word in re.findall("DEMO_[A-Z]+", block.text)}
    command = (ROOT / "offchain" / "plumbline" / "commands" / "demo.py").read_text()
    assert words
    assert all(f'envvar="{word}"' in command for word in words)


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("tutorials/")])
def test_tutorial__no_block_is_for_show_only(page: str) -> None:
    """What is to be typed is of a kind that is run; only output may stand in a block of its own."""
    shown = [str(block) for block in blocks(DOCS / page) if block.kind in SHOWN]
    assert shown == []


@dataclass(frozen=True)
class Desk:
    """A chain with everything deployed on it, and a terminal's environment there."""

    url: str
    environment: dict[str, str]
    ape: WarmApe


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """As the opening blocks of the first tutorial make it, run as they stand; the others continue there."""
    folder, port = tmp_path_factory.mktemp("opening"), free_port()
    outside = {name: value for name, value in os.environ.items() if name not in ("PLUMBLINE_NETWORK", "VIRTUAL_ENV")}
    url = f"http://127.0.0.1:{port}"
    given = {
        "PORT": str(port),
        "APE_FOUNDRY_HOST": url,
        "PLUMBLINE_DEPLOYMENT": str(folder / "local.json"),
        "NO_COLOR": "1",
    }
    # What a reader's terminal has on its path, and nothing of this folder's.
    path = os.pathsep.join(part for part in outside["PATH"].split(os.pathsep) if not part.startswith(str(ROOT)))
    ape = WarmApe()
    reader = Reader(outside | given | {"PATH": path}, folder, ape)
    try:
        for block in opening():
            reader.paste(block)
            if block.title == OWN_TERMINAL:
                _until_it_listens(url)
        key = {"PRIVATE_KEY": cast.account("owner").key.to_0x_hex()}
        yield Desk(url, reader.environment | key, ape)
    finally:
        ape.close()
        reader.close()


def opening() -> list[Block]:
    """Up to the first heading."""
    page = blocks(OPENING)
    return page[: next(place for place, block in enumerate(page) if block.kind == "python")]


def _until_it_listens(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            rpc(url, "eth_chainId")
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"nothing listens at {url}"
            time.sleep(0.1)
        else:
            return


@pytest.mark.anvil
@pytest.mark.parametrize("page", PAGES)
def test_page__every_block_goes_well_as_written(page: str, desk: Desk, tmp_path: Path) -> None:
    snapshot = rpc(desk.url, "evm_snapshot")
    reader = Reader(desk.environment, tmp_path, desk.ape)
    todo = [block for block in blocks(DOCS / page) if block not in opening()]
    assert todo
    try:
        for block in [*BEFORE.get(page, []), *todo]:
            reader.paste(block)
    finally:
        reader.close()
        rpc(desk.url, "evm_revert", snapshot)


def test_site__builds_without_a_warning__and_asks_nothing_from_outside(tmp_path: Path) -> None:
    command = ["mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    front = (tmp_path / "site" / "index.html").read_text()
    assert "tutorials/read-a-price.html" in front
    assert "index-method.html" in front
    for page in (tmp_path / "site").rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text())
        assert fetched == [], page.name
