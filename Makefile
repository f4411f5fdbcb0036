# Two commands do everything: `make demo` and `make test`. The rest is for people who work on Plumbline.
SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help
.PHONY: help demo test check setup chain docs wheel fuzz soak chaos abi format lock clean

help:            ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: setup      ## The whole path on this machine: market, reporters, oracle, vault, pool, keeper
	@scripts/demo

test: setup      ## All tests
	@scripts/test

check: setup     ## Lint, types, compilers, ABI drift, size gate
	@scripts/check

chain: setup     ## Keep one local chain running (for `ape run deploy` and `ape console`)
	@scripts/chain

setup:           ## The environment, from the lock files
	@scripts/setup

bench-%: setup   ## make bench-oracle, bench-vault, bench-index, ...: figures against their bounds
	@scripts/run python -m scripts.bench.$*

fuzz: setup      ## The long runs of the state machines and of the parsers
	@PLUMBLINE_FUZZ=long scripts/run pytest -q tests/stateful tests/offchain/sources/test_codec_fuzz.py

soak: setup      ## An hour of thirteen reporters: make bench-node for longer, memory growth included
	@scripts/run python -m scripts.bench.node --seconds 3600

chaos: setup     ## A thousand faults and more against a network in lock-step
	@PLUMBLINE_CHAOS=long scripts/run pytest -q -s tests/chaos

docs: setup      ## The documentation as a site, in build/site
	@scripts/run mkdocs build --strict --quiet

wheel: setup     ## Build the wheel, install it into an empty environment, and play the demo's off-chain part with it
	@scripts/run python -m scripts.wheel

abi: setup       ## Write offchain/plumbline/abi from the contracts
	@scripts/run python scripts/export_abi.py

format: setup    ## Format and fix what can be fixed
	@scripts/run ruff format . && scripts/run ruff check --fix .

lock: setup      ## Resolve the lock files anew (no addresses in them)
	@scripts/lock

clean:           ## Remove everything that was made here
	@rm -rf .venv .cache .build build node_modules
