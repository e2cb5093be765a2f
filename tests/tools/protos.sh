#!/bin/bash
# Generates the Python code of protos/fleet.proto below the folder named.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:?the folder to write below}
PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -m grpc_tools.protoc -I . \
    --python_out="$out" --grpc_python_out="$out" --mypy_out="$out" --mypy_grpc_out="$out" \
    protos/fleet.proto
