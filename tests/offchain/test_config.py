# SPDX-License-Identifier: AGPL-3.0-only
"""A wrong config names the file, the key and what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from plumbline.config import ClockConfig, RelayerConfig, ReporterConfig, load
from plumbline.core.rules import FeedRule
from plumbline.core.selection import Criterion
from plumbline.errors import ConfigError

ORACLE = "0x" + "ab" * 20
REPORTER = f"""
journal = "journal.sqlite"

[chain]
rpc_url = "http://127.0.0.1:8545"
oracle = "{ORACLE}"

[key]
keystore = "keys/reporter.json"
password_env = "REPORTER_PASSWORD"

[http]
port = 9101

[[venues]]
name = "kraken"
url = "ws://127.0.0.1:9001/kraken"

[[venues]]
name = "coinbase"

[[feeds]]
name = "BTC/USD"
decimals = 8
min_venues = 2
markets = ["kraken:BTC/USD", "coinbase:BTC/USD"]

[[feeds]]
name = "EUR/USD"
decimals = 8
min_venues = 1
crosses = ["kraken", "coinbase"]
"""
USDC = """[[feeds]]
name = "USDC/USD"
decimals = 8
min_venues = 1
markets = ["kraken:USDC/USD"]

"""
CYCLE = """[[feeds]]
name = "USDC/USD"
decimals = 8
min_venues = 1
markets = ["kraken:USDC/USDT"]

[[feeds]]
name = "USDT/USD"
decimals = 8
min_venues = 1
markets = ["kraken:USDT/USDC"]

[[feeds]]"""


def write(folder: Path, text: str) -> Path:
    path = folder / "reporter.toml"
    path.write_text(text)
    return path


def test_load__sound_file__gives_typed_sections_and_paths_beside_the_file(tmp_path):
    config = load(write(tmp_path, REPORTER), ReporterConfig)
    assert config.feeds[0].markets == ("kraken:BTC/USD", "coinbase:BTC/USD")
    assert config.feeds[0].rule().clamp_bps == 2
    assert config.feeds[1].rule().crosses[0].denominator == "BTC/EUR"
    assert config.key.keystore == tmp_path / "keys" / "reporter.json"
    assert config.clock == ClockConfig(kind="system")
    assert config.venues[1].url is None


def test_load__a_feeds_method__comes_with_its_windows_weights_and_thresholds(tmp_path):
    def rule(settings: str) -> FeedRule:
        text = REPORTER.replace("min_venues = 2\n", f"min_venues = 2\n{settings}\n", 1)
        return load(write(tmp_path, text), ReporterConfig).feeds[0].rule()

    volumes = rule('method = "weighted_mean"\nvolume_window_s = 3600\nvolume_cap_bps = 6000')
    assert (volumes.method, volumes.volume_window_s, volumes.volume_cap_bps) == ("weighted_mean", 3_600, 6_000)
    weights = rule('method = "weighted_median"\nweights = { kraken = 3, coinbase = 2 }')
    assert weights.weights == (("kraken", 3), ("coinbase", 2))
    books = rule('method = "depth_weighted_mid"\nprice_from = "mid"\nspacing = "0.05"\nagree_bps = 500\nback_bps = 200')
    assert (books.price_from, books.spacing_wad, books.back_bps) == ("mid", 5 * 10**16, 200)
    settlement = rule('method = "partitioned_median"\nwindow_s = 3600\npartitions = 12')
    assert (settlement.window_s, settlement.partitions) == (3_600, 12)


SELECTION = """
[selection]
window_s = 7200
review_s = 600
regulated_only = true
latency_ms = { weight = 5, poor = 2000, good = 200 }
"""


def test_load__selection__scores_as_it_says_and_knows_who_is_regulated(tmp_path):
    marked = REPORTER.replace('name = "coinbase"', 'name = "coinbase"\nregulated = true')
    marked = marked.replace('name = "kraken"', 'name = "kraken"\nregulated = true', 1)
    config = load(write(tmp_path, marked + SELECTION), ReporterConfig)
    rule = config.selection.rule()
    assert (rule.window_s, rule.regulated_only, rule.latency_ms) == (7_200, True, Criterion(5, 2_000, 200))
    assert config.regulated == {"kraken", "coinbase"}
    assert load(write(tmp_path, REPORTER), ReporterConfig).selection is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SELECTION, "regulated_only: expected at least 2 regulated venues of BTC/USD, got 0"),
        (
            "[selection]\nout_bps = 5000",
            "selection.back_bps: expected 0 < out_bps < back_bps <= 10000, got (5000, 4500)",
        ),
        ("[selection]\ndepth = { weight = 1, poor = 1 }", "selection.depth.good: required, but missing"),
    ],
)
def test_load__senseless_selection__is_refused(tmp_path, settings, message):
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, REPORTER + settings), ReporterConfig)
    assert str(refused.value) == f"{tmp_path}/reporter.toml: {message}"


@pytest.mark.parametrize(
    "url",
    ["https//node.example/v3/s3cret", "htps://node.example/v3/s3cret", "s3cret://node", "https://me:s3cret@:80/"],
)
def test_load__mistyped_url__is_refused_without_showing_what_may_be_a_secret_in_it(tmp_path, url):
    with pytest.raises(ConfigError, match=r"/reporter\.toml: chain\.rpc_url: expected a http:// or ") as refused:
        load(write(tmp_path, REPORTER.replace("http://127.0.0.1:8545", url)), ReporterConfig)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("decimals = 8", 'decimals = "8"', "feeds[0].decimals: expected int, got str"),
        ("decimals = 8", "decimals = 19", "feeds[0].decimals: expected 0 to 18, got 19"),
        ("decimals = 8\n", "", "feeds[0].decimals: required, but missing"),
        ("[http]\nport = 9101", "", "http: required, but missing"),
        ("port = 9101", "prot = 9101", "http.prot: unknown key; known: port, host"),
        ("port = 9101", "port = 65536", "http.port: expected int <= 65535, got 65536"),
        ("[chain]", "[chian]", "chian: unknown key; known: " + ", ".join(ReporterConfig.__struct_fields__)),
        (ORACLE, "0x12", "chain.oracle: expected an address: 0x and 40 hex digits, got '0x12'"),
        (
            "http://127.0.0.1:8545",
            "127.0.0.1:8545",
            "chain.rpc_url: expected a http:// or https:// address, got something else (not shown)",
        ),
        (
            "ws://127.0.0.1:9001/kraken",
            "ws://127.0.0.1:port/kraken",
            "venues[0].url: expected a ws:// or wss:// address, got ws://... with a bad host or port (not shown)",
        ),
        ("min_venues = 2", "min_venues = 3", "feeds[0].min_venues: expected 1 to the 2 venues listed, got 3"),
        ('"kraken:BTC/USD"', '"kraken/BTC"', "feeds[0].markets[0]: expected \"venue:BASE/QUOTE\", got 'kraken/BTC'"),
        (
            '"coinbase:BTC/USD"',
            '"kraken:BTC/USD"',
            "feeds[0].markets: expected each market and cross once",
        ),
        (
            '"coinbase:BTC/USD"',
            '"binance:BTC/USD"',
            "feeds[0].markets[1]: expected a venue of [[venues]] or [[pools]], got 'binance'",
        ),
        ('crosses = ["kraken", "coinbase"]', "", "feeds[1].markets: expected at least one of markets and crosses"),
        (
            "EUR/USD",
            "EURUSD",
            "feeds[1].name: expected BASE/QUOTE, got 'EURUSD'",
        ),
        (
            "[[feeds]]",
            f"{USDC}[[feeds]]".replace("USDC/", "EUR/"),
            "feeds: expected each name once, got 'EUR/USD' 2 times",
        ),
        (
            '"coinbase:BTC/USD"]',
            '"coinbase:BTC/USD", "kraken:BTC/USDT"]',
            "feeds[0].markets[2]: expected a feed that converts USDT to USD, got none",
        ),
        (
            "[[feeds]]",
            CYCLE,
            "feeds: expected no feed to be converted by itself, got USDC/USD -> USDT/USD -> USDC/USD",
        ),
        (
            "min_venues = 2",
            'min_venues = 2\nmethod = "weighted_mean"',
            "feeds[0].weights: expected exactly one of weights and volume_window_s beside weighted_mean, got 0",
        ),
        (
            "min_venues = 2",
            "min_venues = 2\nweights = { kraken = 0 }",
            "feeds[0].weights[...]: expected int >= 1, got {'kraken': 0}",
        ),
        (
            'password_env = "REPORTER_PASSWORD"',
            "",
            "key.password_file: expected exactly one of password_file and password_env",
        ),
        (
            'name = "coinbase"',
            'name = "coinbase"\nurls = 1',
            "venues[1].urls: unknown key; known: name, url, rest_url, ccxt, regulated",
        ),
        ('journal = "journal.sqlite"', "journal = 1", "journal: expected str, got int"),
    ],
)
def test_load__one_thing_wrong__names_file_key_and_expectation(tmp_path, before, after, message):
    assert before in REPORTER
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, REPORTER.replace(before, after, 1)), ReporterConfig)
    assert str(caught.value) == f"{tmp_path}/reporter.toml: {message}"


def test_load__a_relative_path__is_named_as_given(tmp_path, monkeypatch):
    write(tmp_path, REPORTER.replace("decimals = 8", 'decimals = "8"', 1))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^reporter\.toml: feeds\[0\]\.decimals: expected int, got str$"):
        load(Path("reporter.toml"), ReporterConfig)


def test_load__not_toml__names_line(tmp_path):
    with pytest.raises(ConfigError, match=r"reporter\.toml: .*line 2"):
        load(write(tmp_path, "a = 1\nb = ?\n"), ReporterConfig)


def test_load__no_file__says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"relayer\.toml: no such file"):
        load(tmp_path / "relayer.toml", RelayerConfig)


def test_clock__market_without_origin__is_refused(tmp_path):
    text = REPORTER + '\n[clock]\nkind = "market"\nmarket_origin_ms = 1\n'
    with pytest.raises(ConfigError, match=r'clock\.wall_origin_ms: expected int beside kind = "market", got nothing'):
        load(write(tmp_path, text), ReporterConfig)


def test_password__file_or_environment__read_once_and_never_empty(tmp_path, monkeypatch):
    key = load(write(tmp_path, REPORTER), ReporterConfig).key
    monkeypatch.delenv("REPORTER_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="environment variable REPORTER_PASSWORD: expected the keystore's password"):
        key.password()
    monkeypatch.setenv("REPORTER_PASSWORD", "correct horse")
    assert key.password() == "correct horse"

    in_file = REPORTER.replace('password_env = "REPORTER_PASSWORD"', 'password_file = "secret"')
    key = load(write(tmp_path, in_file), ReporterConfig).key
    with pytest.raises(ConfigError, match="expected a readable password file"):
        key.password()
    (tmp_path / "secret").write_text("battery staple\n")
    assert key.password() == "battery staple"


def test_load__environment_names_a_key__stands_above_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE__CHAIN__RPC_URL", "https://rpc.example/token")
    monkeypatch.setenv("PLUMBLINE__HTTP__PORT", "7")
    monkeypatch.setenv("PLUMBLINE__LOG__LEVEL", "debug")
    monkeypatch.setenv("PLUMBLINE_DATA", "not ours")
    config = load(write(tmp_path, REPORTER), ReporterConfig)
    assert (config.chain.rpc_url, config.http.port, config.log.level) == ("https://rpc.example/token", 7, "debug")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PLUMBLINE__HTTP__PORT", "many", r"^PLUMBLINE__HTTP__PORT: http\.port: expected int, got str"),
        ("PLUMBLINE__HTTP__PROT", "7", r"^PLUMBLINE__HTTP__PROT: http\.prot: unknown key; known: port, host"),
        ("PLUMBLINE__CHAIN__RPC_URL", "ftp://x", r"^PLUMBLINE__CHAIN__RPC_URL: chain\.rpc_url: expected a http://"),
        (
            "PLUMBLINE__CHAIN__FALLBACK_RPC_URLS",
            '["x"]',
            r"^PLUMBLINE__CHAIN__FALLBACK_RPC_URLS: chain\.fallback_rpc_u",
        ),
        ("PLUMBLINE__HTTP", "{port = 'x'}", r"^PLUMBLINE__HTTP: http\.port: expected int, got str"),
        ("PLUMBLINE__KILL", "x", r"^PLUMBLINE__KILL: kill: unknown key"),
        ("PLUMBLINE__FEEDS__NAME", "X", "PLUMBLINE__FEEDS__NAME: expected the name of a key outside of lists"),
    ],
)
def test_load__environment_is_wrong__says_so(tmp_path, monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message):
        load(write(tmp_path, REPORTER), ReporterConfig)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[key]", "[signer]\nurl = 'http://127.0.0.1:9000'\naddress = '0x12'\n[key]", "signer.address: expected an"),
        ("[chain]", "[chain]\nchain_id = 0", "chain.chain_id: expected int >= 1, got 0"),
        ("[http]", "[bus]\nurl = 'http://x'\n[http]", "bus.url: expected a nats:// or tls:// address, got something"),
        ("[http]", "[bus]\nlease = 1\n[http]", "bus.lease: unknown key; known: url, stream, lease_s"),
        ("[http]", "[[peers]]\nname = 'a'\nurl = 'x'\n[http]", "peers[0].url: expected a http:// or https:// address"),
    ],
)
def test_load__node_sections_wrong__name_key_and_expectation(tmp_path, before, after, message):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, REPORTER.replace(before, after, 1)), ReporterConfig)
    assert message in str(caught.value)


def test_load__key_and_remote_signer__are_either_or(tmp_path):
    signer = f'[signer]\nurl = "http://127.0.0.1:9000"\naddress = "{ORACLE}"\n'
    both = REPORTER.replace("[key]", f"{signer}[key]", 1)
    with pytest.raises(ConfigError, match="key: expected exactly one of key and signer"):
        load(write(tmp_path, both), ReporterConfig)
    head, _, rest = REPORTER.partition("[key]")
    without = head + signer + "[" + rest.partition("[")[2]
    config = load(write(tmp_path, without), ReporterConfig)
    assert config.key is None
    assert config.signer.timeout_s == 2.0


def test_load__relayers_that_take_turns__are_named_once(tmp_path):
    text = f'journal = "j"\n[chain]\nrpc_url = "http://x"\noracle = "{ORACLE}"\n[http]\nport = 1\n'
    text += '[key]\nkeystore = "k"\npassword_env = "P"\n[[peers]]\nname = "a"\nurl = "http://x"\n'
    policy = f'[policy]\nrelayers = ["{ORACLE}", "{ORACLE.lower()}"]\n'
    with pytest.raises(ConfigError, match=r"policy\.relayers: expected each name once"):
        load(write(tmp_path, text + policy), RelayerConfig)
    assert load(write(tmp_path, text), RelayerConfig).policy.relayers == ()
