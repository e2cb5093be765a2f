#!/bin/bash
# Builds .venv from the committed lock. Needs python3 (3.11 or later), git and make; of the
# system it installs python3-venv alone, and only where it is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: python3 is $(python3 -V 2>&1); the collector needs 3.11 or later" >&2
    exit 1
fi
if [ ! -x .venv/bin/python ]; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        sudo=$([ "$(id -u)" = 0 ] || echo sudo)
        echo "setup: python3-venv is missing: installing it with ${sudo:+$sudo }apt-get"
        $sudo apt-get -qq update </dev/null
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y \
            --no-install-recommends python3-venv </dev/null >/dev/null
    fi
    echo "setup: making .venv with $(python3 -V)"
    python3 -m venv .venv
fi
if ! .venv/bin/uv --version >/dev/null 2>&1; then
    echo "setup: installing uv into .venv, by hash"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r installer/requirements-setup.txt
fi
echo "setup: installing the $(grep -c '^name = ' uv.lock) packages of uv.lock into .venv (what fits this machine)"
UV_PROJECT_ENVIRONMENT="$PWD/.venv" .venv/bin/uv sync --quiet --locked --all-extras --compile-bytecode
touch .venv/.stamp
echo "setup: done, .venv is in step with uv.lock"
