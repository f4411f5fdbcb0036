# SPDX-License-Identifier: AGPL-3.0-only
"""Mutation testing of the oracle, or of the vault, and the modules they are made of; docs/mutation.md has the scores.

universalmutator proposes one-line changes; a seeded sample of them is compiled in this process, and those that compile
to other bytecode are put before the tests (`killers`). A mutant is killed when one of them fails, or when they take
three times as long as they should. Equal sources and seed give an equal sample.

    scripts/run python -m scripts.mutate --sample 300               # or --minutes 30
    scripts/run python -m scripts.mutate --of vault --sample 300
    scripts/run python -m scripts.mutate --of vault --survivors     # those of its last run, against today's tests
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import io
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from tokenize import TokenError
from types import FrameType
from typing import Any

import pytest
from vyper.ast.pre_parser import PreParser
from vyper.compiler.input_bundle import FileInput, FilesystemInputBundle
from vyper.compiler.output import build_abi_output, build_layout_output
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import Settings, anchor_settings
from vyper.exceptions import VyperException
from vyper.ir.compile_ir import assembly_to_evm

from scripts import artifacts
from scripts.artifacts import CONTRACTS, EVM_VERSION, ROOT

RULES = ["universal.rules", "vyper.rules", "python.rules", "solidity.rules"]
"""What universalmutator itself takes for Vyper."""
TOOL = ROOT / ".cache" / "mutation"
MODULE_TESTS = ROOT / "tests" / "unit" / "modules"
INSTALL = "uv pip install --target .cache/mutation --no-deps --require-hashes -r requirements/mutation.txt"
_REASON = r'"([a-z]+: [^"]+)"'
SURVIVED, KILLED, INVALID, SAME, TIMEOUT = "survived", "killed", "does not compile", "same bytecode", "timeout"
_CODES = {SURVIVED: 0, KILLED: 1, INVALID: 10, SAME: 11}
SPDX = "# SPDX-License-Identifier: AGPL-3.0-only\n"


@dataclass(frozen=True)
class Mutant:
    path: str
    line: int
    """From 1."""
    before: str
    after: str

    def source(self) -> str:
        lines = (ROOT / self.path).read_text().splitlines(keepends=True)
        if lines[self.line - 1] != self.before:
            raise SystemExit(f"{self.path}:{self.line} is not what it was: run a new sample")
        lines[self.line - 1] = self.after
        return "".join(lines)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before.strip()}  ->  {self.after.strip()}"


@dataclass(frozen=True)
class Subject:
    """What is judged, and which tests judge it: unit, vector and incident tests, and what is served."""

    contracts: tuple[str, ...]
    report: Path
    folders: tuple[str, ...]
    """Under tests/: where its killers are."""
    marks: tuple[str, ...] = ("",)
    """What a file of those folders has one of if it judges this."""
    also: tuple[str, str] = ("", "")
    """A file of killers, and the function whose mutants concern it most."""

    @property
    def none(self) -> Mutant:
        """Changes nothing, and must survive on the way of every mutant: else the machinery fails, not the tests."""
        return Mutant(str(artifacts.sources()[self.contracts[0]].relative_to(ROOT)), 1, SPDX, SPDX)

    def files(self) -> list[Path]:
        return sorted(set.union(*map(made_of, self.contracts)))


SUBJECTS = {
    "oracle": Subject(
        contracts=("MedianOracle", "FeedSetWriter"),
        report=ROOT / "build" / "mutation.json",
        folders=("unit/oracle", "vectors", "regression"),
        marks=("from tests.unit.oracle.conftest import", "from tests.helpers.oracles import", "rounds.json"),
        also=("stateful/test_served_prices.py", "submit"),
    ),
    "vault": Subject(
        contracts=("IndexVault", "IndexVaultExtension", "AuctionHouse", "IndexFactory"),
        report=ROOT / "build" / "mutation-vault.json",
        folders=("unit/vault", "unit/auction", "regression/vault"),
    ),
}


class Compiled(CompilerData):
    """Compiled when it is first asked for: most mutants die before every contract they are in was deployed."""

    @cached_property
    def source_map(self) -> Any:
        """titanoboa tells reverts apart by it, and asks for it by this name."""
        return assembly_to_evm(self.assembly_runtime)[1]


class MutatedBundle(FilesystemInputBundle):
    """The files of the repository, one of them changed."""

    def __init__(self, path: Path | None, source: str) -> None:
        super().__init__([ROOT])
        self._path, self._source = path, source

    def _load_from_path(self, resolved_path: Any, original_path: Any) -> Any:
        loaded = super()._load_from_path(resolved_path, original_path)
        if self._path is not None and Path(resolved_path) == self._path:
            return FileInput(loaded.source_id, loaded.path, loaded.resolved_path, self._source)
        return loaded


def made_of(contract: str) -> set[Path]:
    """The contract and every module it is made of, by following the imports."""
    found, rest = set(), [artifacts.sources()[contract]]
    while rest:
        path = rest.pop()
        found.add(path)
        imported = re.findall(r"^from contracts\.modules import (\w+)", path.read_text(), re.MULTILINE)
        rest += [module for name in imported if (module := CONTRACTS / "modules" / f"{name}.vy") not in found]
    return found


def mutants(subject: Subject) -> list[Mutant]:
    """Everything universalmutator proposes for code; lines of documentation cannot change bytecode and are left out."""
    sys.path.append(str(TOOL))
    try:
        from universalmutator.mutator import mutants_regexp
    except ModuleNotFoundError:
        raise SystemExit(f"universalmutator is not there: scripts/run {INSTALL}") from None
    found = []
    for path in subject.files():
        lines = path.read_text().splitlines(keepends=True)
        code = set(code_lines(lines))
        with contextlib.redirect_stdout(io.StringIO()):
            proposed = mutants_regexp(lines, ruleFiles=RULES, ignorePatterns=[])
        name = str(path.relative_to(ROOT))
        found += [Mutant(name, line, lines[line - 1], after) for line, after, *_ in proposed if line in code]
    return found


def parses(mutant: Mutant) -> bool:
    """Most proposals are for other languages and stop here, long before a compiler would."""
    try:
        parser = PreParser(is_interface=False)
        parser.parse(mutant.source())
        ast.parse(parser.reformatted_code)
    except (VyperException, SyntaxError, TokenError):
        return False
    return True


def code_lines(lines: list[str]) -> Iterator[int]:
    inside = False
    for number, line in enumerate(lines, 1):
        marks = line.count('"""')
        if not inside and not marks and line.split("#")[0].strip():
            yield number
        inside ^= marks % 2 == 1


def compiled(subject: Subject, path: Path, source: str) -> dict[str, Compiled]:
    """The contracts that have code of this file, with another source of it; a module with tests of its own, too."""
    bundle, found = MutatedBundle(path, source), {}
    alone = {path.stem} if (MODULE_TESTS / f"test_{path.stem}.py").exists() else set()
    for name in {*subject.contracts, *alone}:
        if path in made_of(name):
            file, settings = bundle.load_file(artifacts.sources()[name]), Settings(evm_version=EVM_VERSION)
            found[name] = Compiled(file, bundle, settings=settings, no_bytecode_metadata=True)
    return found


def put_in_place(mutated: dict[str, Compiled]) -> None:
    """From here on both test engines of this process deploy these: titanoboa by deployer, pyrevm by Artifact."""
    from tests.helpers import contracts

    for name, data in mutated.items():
        contracts.deployer(name).compiler_data = data
    original = artifacts.compile_alone

    @cache
    def compile_alone(name: str) -> artifacts.Artifact:
        if name not in mutated:
            return original(name)
        data = mutated[name]
        return artifacts.Artifact(
            name=name,
            abi=build_abi_output(data),
            bytecode="0x" + data.bytecode.hex(),
            runtime_size=len(data.bytecode_runtime),
            layout=build_layout_output(data),
        )

    for module in list(sys.modules.values()):
        if getattr(module, "compile_alone", None) is original:
            module.compile_alone = compile_alone  # type: ignore[attr-defined]
    artifacts.compile_contract.cache_clear()


def killers(subject: Subject, marks: Mapping[str, int], module: str = "*") -> list[str]:
    """Who names most of `marks` comes first. No long state machine: what only they can kill wants a unit test."""
    tests = ROOT / "tests"
    found = {path: path.read_text() for path in sorted(tests.rglob("test_*.py"))}
    texts = {path: text for path, text in found.items() if any(mark in text for mark in subject.marks)}
    also = tests / subject.also[0]
    own = [path for path in texts if path == also]
    own += [path for folder in subject.folders for path in texts if path.parent == tests / folder]

    def said(path: Path) -> int:
        if path == also:
            return 1_000 * (subject.also[1] in marks)
        forms = [(form, marks[mark]) for mark in marks for form in (f"test_{mark}__", f'"{mark}"', f".{mark}(")]
        return sum(much * texts[path].count(form) for form, much in forms)

    own.sort(key=said, reverse=True)
    # A module's own tests are quick; they tell of its mutants first.
    modules = [path for path in found if path.parent == MODULE_TESTS and fnmatch(path.stem, f"test_{module}")]
    return [str(path.relative_to(ROOT)) for path in modules + own]


def functions(path: Path) -> Iterator[tuple[range, str, str]]:
    """(lines, name, text) of each function of a contract or module."""
    lines = path.read_text().splitlines()
    for first, line in enumerate(lines):
        if found := re.match(r"def (\w+)", line):
            rest = (n for n in range(first + 1, len(lines)) if re.match(r"[^\s)]", lines[n]))
            last = next(rest, len(lines))
            yield range(first + 1, last + 1), found[1], "\n".join(lines[first:last])


def marks_of(subject: Subject, mutant: Mutant) -> dict[str, int]:
    """What tests of the changed line would say, and how much it tells: the reasons it gives itself, those of its
    function, who calls that. A line outside functions is a constant's: then the functions that use it."""
    every = [each for path in subject.files() for each in functions(path)]
    own = [(name, text) for lines, name, text in functions(ROOT / mutant.path) if mutant.line in lines]
    if not own and (constant := re.match(r"\w+", mutant.before)):
        own = [(name, text) for _, name, text in every if re.search(rf"\b{constant[0]}\b", text)]
    marks = {reason: 1 for _, text in own for reason in re.findall(_REASON, text)}
    marks |= dict.fromkeys(re.findall(_REASON, mutant.before), 100)
    names = [name for name, _ in own]
    for name in names:
        names += [caller for _, caller, text in every if caller not in names and re.search(rf"\b{name}\(", text)]
    return marks | {name: 1 for name in names if not name.startswith("_")}


def run_killers(files: Sequence[str]) -> bool:
    """Whether a test fails. File by file, as a run of all of them would first collect them all."""
    for file in files:
        # pytest looks for garbage several times at its end: not in what was there before.
        gc.freeze()
        if pytest.main(["-x", "-q", "-p", "no:cacheprovider", file]):
            return True
    return False


def judge(subject: Subject, mutant: Mutant, original: dict[str, bytes], likely: int | None) -> str:
    """In a process of its own: compile, compare, test."""
    gc.disable()
    try:
        mutated = compiled(subject, ROOT / mutant.path, mutant.source())
        changed = any(bytes(mutated[name].bytecode) != original[name] for name in original.keys() & mutated.keys())
    except Exception:  # noqa: BLE001  refused, or the compiler fell over: not a mutant either
        return INVALID
    if not changed and mutant != subject.none:
        return SAME
    put_in_place(mutated)
    gc.enable()
    files = killers(subject, marks_of(subject, mutant), Path(mutant.path).stem)
    with anchor_settings(Settings(evm_version=EVM_VERSION)):
        killed = run_killers(files[:likely])
    return KILLED if killed else SURVIVED


def in_child(subject: Subject, mutant: Mutant, original: dict[str, bytes], limit_s: int, likely: int | None) -> str:
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = _CODES[KILLED]
        try:
            code = _CODES[judge(subject, mutant, original, likely)]
        finally:
            os._exit(code)

    def late(_signal: int, _frame: FrameType | None) -> None:
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, late)
    signal.alarm(limit_s)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    codes = {code: name for name, code in _CODES.items()}
    return TIMEOUT if os.WIFSIGNALED(status) else codes[os.WEXITSTATUS(status)]


def report(subject: Subject, results: list[tuple[Mutant, str]]) -> None:
    counts = Counter(result for _, result in results)
    killed, survived = counts[KILLED] + counts[TIMEOUT], counts[SURVIVED]
    print(f"\n{len(results)} drawn: {dict(counts)}")
    for name in sorted({mutant.path for mutant, _ in results}):
        own = Counter(result for mutant, result in results if mutant.path == name)
        dead = own[KILLED] + own[TIMEOUT]
        print(f"  {name}: {dead} of {dead + own[SURVIVED]}")
    print(f"score: {killed} of {killed + survived} = {100 * killed / max(1, killed + survived):.1f} %")
    for mutant, result in results:
        if result == SURVIVED:
            print(f"survived  {mutant}")
    subject.report.parent.mkdir(exist_ok=True)
    subject.report.write_text(
        json.dumps([{**asdict(mutant), "result": result} for mutant, result in results], indent=1)
    )


def last_run(subject: Subject) -> list[tuple[Mutant, str]]:
    last = json.loads(subject.report.read_text())
    return [(Mutant(**{name: each[name] for name in each.keys() - {"result"}}), each["result"]) for each in last]


def prepare(subject: Subject) -> None:
    """Import every test and compile what they deploy once, here. Nothing is deployed, or mutants would inherit it."""
    from tests.helpers.contracts import deployer

    files = killers(subject, {})
    pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", *files])
    users = {*map(Path, files), *(ROOT / "tests" / "helpers").glob("*.py"), *(ROOT / "tests").rglob("conftest.py")}
    for name in {name for path in users for name in re.findall(r'deployer\("(\w+)"\)', path.read_text())}:
        _ = deployer(name).compiler_data.source_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=SUBJECTS, default="oracle", help="what is judged (oracle)")
    parser.add_argument("--sample", type=int, default=300, help="mutants that compile to other bytecode (300)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop drawing after so long")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--likely", type=int, help="only so many files of killers; --survivors then runs them all")
    parser.add_argument("--survivors", action="store_true", help="those that survived the last run, once more")
    options = parser.parse_args()
    subject = SUBJECTS[options.of]
    os.chdir(ROOT)
    judged = last_run(subject) if options.survivors else []
    drawn = [mutant for mutant, result in judged if result == SURVIVED]
    if not options.survivors:
        drawn = mutants(subject)
        print(f"{len(drawn)} proposed")
        random.Random(options.seed).shuffle(drawn)
    started = time.monotonic()
    prepare(subject)
    unchanged = ((path := artifacts.sources()[name], path.read_text()) for name in subject.contracts)
    original = {name: bytes(data.bytecode) for each in unchanged for name, data in compiled(subject, *each).items()}
    # What is there now is not looked through again in each mutant's process.
    gc.freeze()
    if in_child(subject, subject.none, original, 3_600, None) != SURVIVED:
        raise SystemExit("the tests fail on the sources as they are")
    limit_s = int(3 * (time.monotonic() - started)) + 60
    results: list[tuple[Mutant, str]] = []
    counted, deadline = 0, started + 60 * options.minutes
    for mutant in drawn:
        if counted >= options.sample or time.monotonic() > deadline:
            break
        result = in_child(subject, mutant, original, limit_s, options.likely) if parses(mutant) else INVALID
        results.append((mutant, result))
        if result in (KILLED, SURVIVED, TIMEOUT):
            counted += 1
            print(f"{counted:4d}  {time.monotonic() - started:5.0f} s  {result}  {mutant}", flush=True)
    again = {mutant for mutant, _ in results}
    report(subject, [each for each in judged if each[0] not in again] + results)


if __name__ == "__main__":
    main()
