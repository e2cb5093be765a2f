#!/bin/bash
# Runs every checker and says at the end which ones complained.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
bin=.venv/bin
complained=()

check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "lint: $name ok"
    else
        printf '%s\n' "$output"
        echo "lint: $name complains"
        complained+=("$name")
    fi
}

check "ruff check" $bin/ruff check
check "ruff format" $bin/ruff format --check
mapfile -t typed < <(git ls-files -co --exclude-standard "*.py" | cut -d/ -f1 | sort -u)
check "mypy" $bin/mypy "${typed[@]}"
check "mypy, agent on 3.10" $bin/mypy --python-version 3.10 agent deliverability protos
check "vermin, agent on 3.10" $bin/vermin --quiet --processes=1 --no-tips --violations -t=3.10- \
    --exclude tomllib --exclude-regex '_pb2' agent deliverability protos
check "codespell" $bin/codespell
check "deptry" $bin/deptry --no-ansi .
if command -v shellcheck >/dev/null; then
    mapfile -t scripts < <(git ls-files -co --exclude-standard | xargs -d "\n" grep -slE '^#!.*\b(ba)?sh\b')
    check "shellcheck" shellcheck -x --source-path=SCRIPTDIR "${scripts[@]}"
else
    echo "lint: shellcheck is not here: the shell scripts were not checked"
fi

[ ${#complained[@]} = 0 ] || { printf 'lint: to mend: %s\n' "$(IFS=,; echo "${complained[*]}")"; exit 1; }
