# SPDX-License-Identifier: AGPL-3.0-only
"""Ape's own command line, loaded once: `python -m tests.helpers.warm_ape` takes a JSON list of arguments a line.

Answers {"status": ..., "output": ...} a line. A test that types six Ape commands would otherwise load Ape six times.
"""

from __future__ import annotations

import json
import sys
import traceback

from ape._cli import cli
from click.testing import CliRunner


def main() -> None:
    answers = sys.stdout
    for line in sys.stdin:
        done = CliRunner().invoke(cli, json.loads(line), prog_name="ape")
        output = done.output
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            output += "".join(traceback.format_exception(done.exception))
        answers.write(json.dumps({"status": done.exit_code, "output": output}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
