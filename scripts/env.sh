# SPDX-License-Identifier: AGPL-3.0-only
# Sourced by every script: keeps caches and tool state inside the project's folder.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export ROOT
export PLUMBLINE_CACHE="$ROOT/.cache"
export UV_CACHE_DIR="${UV_CACHE_DIR:-$PLUMBLINE_CACHE/uv}"
export npm_config_cache="${npm_config_cache:-$PLUMBLINE_CACHE/npm}"
export PIP_CACHE_DIR="${PIP_CACHE_DIR:-$PLUMBLINE_CACHE/pip}"
export APE_DATA_FOLDER="$PLUMBLINE_CACHE/ape"
export TITANOBOA_CACHE="$PLUMBLINE_CACHE/titanoboa"
export IPYTHONDIR="$PLUMBLINE_CACHE/ipython"
export VVM_BINARY_PATH="$PLUMBLINE_CACHE/vvm"
export XDG_CACHE_HOME="$PLUMBLINE_CACHE/xdg"
export MYPY_CACHE_DIR="$PLUMBLINE_CACHE/mypy"
export RUFF_CACHE_DIR="$PLUMBLINE_CACHE/ruff"
export PYTHONDONTWRITEBYTECODE="${PYTHONDONTWRITEBYTECODE:-}"
# The native Anvil, never the Node wrapper: killing the wrapper orphans the chain.
for folder in "$ROOT"/node_modules/@foundry-rs/anvil-*/bin; do
    [ -d "$folder" ] && PATH="$folder:$PATH"
done
export PATH="$ROOT/.venv/bin:$PATH"
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
# Foundry looks a revert's signature up at a web service unless told not to; nothing here leaves the machine.
export FOUNDRY_OFFLINE=true
