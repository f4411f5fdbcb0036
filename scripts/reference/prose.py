# SPDX-License-Identifier: AGPL-3.0-only
"""Text of comments and docstrings as Markdown that shows it as it stands."""

from __future__ import annotations

import re
import textwrap

_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_SPECIAL = re.compile(r"([\\*_<\[\]#])")


def prose(text: str) -> str:
    """Characters that Markdown would take for its own are escaped, but for what is marked as code. What is indented (a
    table, a formula, a tree) stays as it was set."""
    return "\n\n".join(_paragraph(each) for each in re.split(r"\n\s*\n", textwrap.dedent(text).strip()) if each.strip())


def cell(text: str) -> str:
    """The same on one line, for a table."""
    return prose(" ".join(text.split())).replace("|", "\\|")


def _paragraph(text: str) -> str:
    if any(line.startswith("  ") for line in text.splitlines()) or re.search(r"^[|`]--", text, re.MULTILINE):
        return f"```text\n{textwrap.dedent(text)}\n```"
    parts = _CODE.split(text)
    return "".join(part if _CODE.fullmatch(part) else _SPECIAL.sub(r"\\\1", part) for part in parts)
