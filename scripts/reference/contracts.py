# SPDX-License-Identifier: AGPL-3.0-only
"""Contracts from their NatSpec: what a contract's source says of each entry, and where it says nothing, its interface.

An entry that a contract exports from a module has its words there. Read by the layout of STYLE.md, without the
compiler; tests/docs/test_reference.py holds what is found against the ABIs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from scripts.artifacts import CONTRACTS, ROOT, sources
from scripts.reference.prose import cell, prose

_FUNCTION = re.compile(
    r"(?P<marks>(?:^@[^\n]+\n)+)^def (?P<name>\w+)\((?P<given>[^)]*(?:\(\))?[^)]*)\)(?: -> (?P<back>[^\n]+?))?:"
    r'(?: \.\.\.)?\n(?:    """\n?(?P<doc>.*?)""")?',
    re.MULTILINE | re.DOTALL,
)
_GETTER = re.compile(
    r"(?P<above>(?:^# .*\n)*)^(?P<name>\w+): public\((?P<kind>.+)\)(?: = [^#\n]+)?(?: +# (?P<aside>.*))?$", re.MULTILINE
)
_EVENT = re.compile(r"^event (?P<name>\w+):\n(?P<fields>(?:    .*\n)+)", re.MULTILINE)
_EXPORTS = re.compile(r"^exports: (?:\((?P<many>.*?)^\)|(?P<one>\S+))", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r"^from contracts\.(?:\w+) import (?P<stem>\w+)(?: as (?P<alias>\w+))?$", re.MULTILINE)
_COMMENTED = re.compile(r"(?P<above>(?:^# .*\n)+)(?:^@.+\n)+^def (?P<name>\w+)\(", re.MULTILINE)
_TAG = re.compile(r"^\s*@(custom:\w+|\w+)", re.MULTILINE)
_INTRO = "Made from the sources' NatSpec. Units are in braces: D18{tok/share} is tokens a share, times 1e18."
_MARKS = ("view", "pure", "payable")


@dataclass(frozen=True)
class Natspec:
    """A docstring's tags, in order, each with its text."""

    tags: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> list[str]:
        return [text for tag, text in self.tags if tag == name]

    def text(self, name: str) -> str:
        return "\n\n".join(self.all(name))


@dataclass(frozen=True)
class Entry:
    """A function or a public variable of a contract."""

    name: str
    signature: str
    doc: Natspec


@dataclass(frozen=True)
class Contract:
    name: str
    path: Path
    doc: Natspec
    entries: tuple[Entry, ...]
    events: tuple[tuple[str, str], ...] = field(default=())


def page(area: str) -> str:
    """Every contract of a folder of contracts/."""
    found = [read(path) for path in sorted((CONTRACTS / area).glob("*.vy"))]
    return "\n\n".join([f"# Contracts: {area}", _INTRO, *map(_shown, found)]) + "\n"


def read(path: Path) -> Contract:
    text = path.read_text(encoding="ascii")
    own = [_entry(found) for found in _FUNCTION.finditer(text) if _outside(found)]
    entries = [*own, *_getters(text), *_exported(text)]
    spoken, events = _interface(text, path.stem)
    # What the contract leaves to its interface to say, the interface says.
    entries = [
        each if each.doc.tags else Entry(each.name, each.signature, spoken.get(each.name, Natspec()))
        for each in entries
    ]
    own_events = [(found["name"], found["fields"]) for found in _EVENT.finditer(text)]
    opening = re.search(r'^"""\n(.*?)^"""', text, re.MULTILINE | re.DOTALL)
    return Contract(path.stem, path, natspec(opening[1] if opening else ""), tuple(entries), (*own_events, *events))


def natspec(text: str) -> Natspec:
    """Words without a tag are a notice."""
    marks = [*_TAG.finditer(text)]
    if not marks:
        return Natspec((("notice", text.strip()),) if text.strip() else ())
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return Natspec(tuple((mark[1], _dedented(text[mark.end() : end])) for mark, end in zip(marks, ends, strict=True)))


def _dedented(text: str) -> str:
    """Continued lines stand under the text, five or more blanks in: they come back to the margin together."""
    first, _, rest = text.strip().partition("\n")
    lines = rest.split("\n") if rest else []
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join([first, *(line[margin:] for line in lines)])


def _outside(found: re.Match[str]) -> bool:
    """What others call; the fallback is how one half of a vault reaches the other."""
    return found["name"] != "__default__" and ("@external" in found["marks"] or "@deploy" in found["marks"])


def _entry(found: re.Match[str]) -> Entry:
    marks = " ".join(mark for mark in _MARKS if f"@{mark}\n" in found["marks"])
    given = " ".join(found["given"].split()).strip(" ,")
    back = f" -> {found['back']}" if found["back"] else ""
    signature = f"{found['name']}({given}){back}" + (f"  # {marks}" if marks else "")
    return Entry(found["name"], signature, natspec(found["doc"] or ""))


def _getters(text: str) -> Iterator[Entry]:
    for found in _GETTER.finditer(text):
        said = found["aside"] or " ".join(line.lstrip("# ") for line in found["above"].splitlines())
        kind = re.sub(r"^(?:constant|immutable)\((.*)\)$", r"\1", found["kind"])
        yield Entry(found["name"], f"{found['name']}: {kind}  # view", natspec(said))


@cache
def _module(stem: str) -> dict[str, Entry]:
    text = sources()[stem].read_text(encoding="ascii")
    functions = (_entry(found) for found in _FUNCTION.finditer(text) if "@external" in found["marks"])
    return {each.name: each for each in (*functions, *_getters(text))}


def _exported(text: str) -> Iterator[Entry]:
    aliases = {found["alias"] or found["stem"]: found["stem"] for found in _IMPORT.finditer(text)}
    for found in _EXPORTS.finditer(text):
        for name in re.findall(r"\w+\.\w+", found["many"] or found["one"]):
            module, _, entry = name.partition(".")
            yield _module(aliases[module])[entry]


def _interface(text: str, stem: str) -> tuple[dict[str, Natspec], list[tuple[str, str]]]:
    """What the comments of the interfaces a contract implements, and of its own, say of each function; their events."""
    spoken: dict[str, Natspec] = {}
    events: list[tuple[str, str]] = []
    for name in dict.fromkeys([*re.findall(r"^implements: (\w+)$", text, re.MULTILINE), f"I{stem}"]):
        if name not in sources():
            continue
        interface = sources()[name].read_text(encoding="ascii")
        for found in _COMMENTED.finditer(interface):
            words = " ".join(line.lstrip("# ") for line in found["above"].splitlines())
            spoken.setdefault(found["name"], natspec(words))
        events += [(found["name"], found["fields"]) for found in _EVENT.finditer(interface)]
    return spoken, events


def _shown(contract: Contract) -> str:
    where = contract.path.relative_to(ROOT)
    parts = [f"## {contract.name}", f"`{where}`", prose(contract.doc.text("notice")), prose(contract.doc.text("dev"))]
    parts += [
        f"**{tag.partition(':')[2].capitalize()}.** {prose(text)}" for tag, text in contract.doc.tags if ":" in tag
    ]
    parts += [_shown_entry(each) for each in contract.entries]
    if contract.events:
        told = "\n".join(f"event {name}:\n{fields}" for name, fields in contract.events)
        parts += ["### Events", f"```vyper\n{told.rstrip()}\n```"]
    return "\n\n".join(part for part in parts if part)


def _shown_entry(entry: Entry) -> str:
    name = "constructor" if entry.name == "__init__" else entry.name
    parts = [
        f"### {name}",
        f"```vyper\n{entry.signature}\n```",
        prose(entry.doc.text("notice")),
        prose(entry.doc.text("dev")),
    ]
    given = [text.partition(" ") for text in entry.doc.all("param")]
    rows = [f"| `{name}` | {cell(words)} |" for name, _, words in given]
    rows += [f"| returns | {cell(text)} |" for text in entry.doc.all("return")]
    if rows:
        parts.append("\n".join(["| | |", "|---|---|", *rows]))
    return "\n\n".join(part for part in parts if part)
