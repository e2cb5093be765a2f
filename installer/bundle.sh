#!/bin/bash
# Packs what a machine needs to become a node or the collector, from this checkout:
# dist/mailfleet-VERSION.tar.gz with the wheel, the installers, their hashed requirements and the
# units. The same checkout gives the same bytes.
set -euo pipefail

main() {
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    local python=.venv/bin/python version name
    [ -x $python ] || { echo "bundle.sh: there is no .venv: make setup" >&2; exit 1; }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    $python -m hatchling build -t wheel -d "$work" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    version=$(echo "$work"/mailfleet-*-py3-none-any.whl)
    version=${version##*/mailfleet-}
    name=mailfleet-${version%%-*}
    mkdir "$work/$name"
    mv "$work"/mailfleet-*.whl "$work/$name/"
    cp -r --parents installer/install-agent.sh installer/install-collector.sh installer/steps.sh \
        installer/requirements-agent.txt installer/requirements-collector.txt systemd "$work/$name/"
    mkdir -p dist
    tar -C "$work" --owner=0 --group=0 --numeric-owner --sort=name --mtime=@0 \
        --mode=go-w -cf - "$name" | gzip -n >"dist/$name.tar.gz"
    echo "dist/$name.tar.gz"
}

main "$@"
