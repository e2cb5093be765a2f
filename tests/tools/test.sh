#!/bin/bash
# Lint, the agent's tests on Python 3.10, then everything on this Python. All parts run even when
# one fails, none longer than LIMIT. NO_APT=1 installs nothing of the system; what was not run
# stands at the end.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
failed=()
not_run=()
agent_tests=(tests/agent tests/deliverability tests/wire)
limit=(timeout --foreground --verbose --kill-after=30 "${LIMIT:-40m}")
pytest=(-m pytest -q -n "${WORKERS:-3}" --dist loadgroup)

[ -n "${NO_APT:-}" ] || tests/tools/components.sh test || failed+=(components)

mkdir -p .run
tests/tools/lint.sh >.run/lint.log 2>&1 &
lint=$!

if python=$(tests/tools/python310.sh); then
    echo "test: the agent's tests on $("$python" -V) ($python)"
    UV_PROJECT_ENVIRONMENT="$PWD/.run/py310" .venv/bin/uv sync --quiet \
        --locked --no-dev --group test --group build --no-editable --python "$python" &&
        "${limit[@]}" .run/py310/bin/python "${pytest[@]}" --root-tests=none "${agent_tests[@]}" ||
        failed+=("agent on 3.10")
else
    not_run+=("the agent's tests on Python 3.10: no such interpreter here")
fi

wait $lint || failed+=(lint)
cat .run/lint.log
command -v shellcheck >/dev/null || not_run+=("shellcheck: not installed")

root_tests=all
if [ "$(id -u)" != 0 ] && [ -z "${NO_APT:-}" ]; then
    echo "test: the tests that need root, with sudo"
    "${limit[@]}" sudo env CI="${CI:-}" PYTHONDONTWRITEBYTECODE=1 .venv/bin/python "${pytest[@]}" \
        -p no:cacheprovider --root-tests=only || [ $? = 5 ] || failed+=("tests that need root")
    root_tests=none
fi
"${limit[@]}" .venv/bin/python -m pytest -q tests/core --cov=collector.core --cov-branch --cov-report= \
    --cov-fail-under=100 || failed+=("core: full branch coverage")
"${limit[@]}" .venv/bin/python "${pytest[@]}" --durations=10 --root-tests=$root_tests || failed+=(tests)

[ ${#not_run[@]} = 0 ] || printf 'test: not run: %s\n' "${not_run[@]}"
[ ${#failed[@]} = 0 ] || { printf 'test: failed: %s\n' "$(IFS=,; echo "${failed[*]}")" >&2; exit 1; }
