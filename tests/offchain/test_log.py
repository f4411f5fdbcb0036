# SPDX-License-Identifier: AGPL-3.0-only
"""Logs: one JSON object a line for machines, key=value for people, and no token of an endpoint in either."""

from __future__ import annotations

import json

import pytest
import structlog

from plumbline import log
from plumbline.config import LogConfig


@pytest.fixture(autouse=True)
def _restored():
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_setup__not_a_terminal__writes_json_with_the_context_on_every_line(capsys):
    log.setup(LogConfig(), service="reporter")
    structlog.get_logger("any").warning("venue out", venue="kraken", price=10**30)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("timestamp").endswith("Z")
    assert said == {"level": "warning", "event": "venue out", "service": "reporter", "venue": "kraken", "price": 10**30}


def test_setup__text__writes_key_value(capsys):
    log.setup(LogConfig(format="text"), service="relayer")
    structlog.get_logger("any").info("submitted", round=5)
    assert "level='info' event='submitted' round=5 service='relayer'" in capsys.readouterr().err


def test_setup__again_with_another_level__loggers_that_exist_follow(capsys):
    log.setup(LogConfig(level="error"), service="reporter")
    logger = structlog.get_logger("any")
    logger.warning("unheard")
    log.setup(LogConfig(level="debug"), service="reporter")
    logger.debug("heard")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["heard"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://eth.example/v3/secret", "https://eth.example"),
        ("https://user:secret@eth.example:8545/?key=secret#secret", "https://eth.example:8545"),
        ("ws://[::1]:9/secret", "ws://::1:9"),
        ("secret", "://?"),
    ],
)
def test_redacted__endpoint__keeps_scheme_host_and_port_only(url, shown):
    assert log.redacted(url) == shown
