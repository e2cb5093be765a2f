#!/bin/bash
# Prints the path of a Python 3.10 interpreter that runs, or fails.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

candidates=(python3.10)
for root in "${PYENV_ROOT:-}" "$HOME/.pyenv" /root/.pyenv; do
    candidates+=("${root:-/nonexistent}"/versions/3.10.*/bin/python3.10)
done
candidates+=("$(.venv/bin/uv python find --system --no-project 3.10 2>/dev/null)")
for candidate in "${candidates[@]}"; do
    [ -n "$candidate" ] || continue
    "$candidate" -c 'import sys, sqlite3, ssl; sys.exit(sys.version_info[:2] != (3, 10)); ' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.executable)'
    exit 0
done
exit 1
