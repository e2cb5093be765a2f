#!/bin/bash
# bundle.sh [FOLDER]: packs what a machine needs to become a node or the collector, from this
# checkout, into FOLDER (dist/) as mailfleet-VERSION.tar.gz: the wheel, the installers, their
# hashed requirements and the units. The same checkout gives the same bytes.
set -euo pipefail

main() {
    local python=.venv/bin/python folder=${1:+$(realpath "$1")} version name
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    folder=${folder:-dist}
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
        installer/requirements-agent.txt installer/requirements-collector.txt \
        installer/requirements-collector-apprise.txt systemd "$work/$name/"
    mkdir -p "$folder"
    tar -C "$work" --owner=0 --group=0 --numeric-owner --sort=name --mtime=@0 \
        --mode=go-w -cf - "$name" | gzip -n >"$folder/$name.tar.gz"
    echo "$folder/$name.tar.gz"
}

main "$@"
