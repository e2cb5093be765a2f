#!/bin/bash
# Installs the system components of tests/components.tsv that are missing, for "test" or "bench".
# While apt runs, a policy-rc.d of ours keeps services from starting, unless there is one already.
set -euo pipefail
cd "$(dirname "$0")/../.."
purpose=${1:?test or bench}

packages=()
while IFS=$'\t' read -r name places package for; do
    [[ $name == \#* || $for != "$purpose" ]] && continue
    for place in $places; do [ -e "$place" ] && continue 2; done
    packages+=("$package")
done <tests/components.tsv
[ ${#packages[@]} = 0 ] && exit 0

sudo=$([ "$(id -u)" = 0 ] || echo sudo)
echo "components: installing ${packages[*]} with ${sudo:+$sudo }apt-get; no service is started"
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
trap 'rm -f $log' EXIT
if [ ! -e $policy ]; then
    trap '$sudo rm -f $policy; rm -f $log' EXIT
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
fi
apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
# A source that cannot be read need not stop us: the status is that of the last command.
{
    echo "postfix postfix/main_mailer_type select No configuration" | $sudo debconf-set-selections
    $sudo timeout 300 "${apt[@]}" update </dev/null
    $sudo env DEBIAN_FRONTEND=noninteractive timeout 600 "${apt[@]}" install -y \
        --no-install-recommends "${packages[@]}" </dev/null
} >"$log" 2>&1 || { cat "$log"; echo "components: could not install ${packages[*]}" >&2; exit 1; }
