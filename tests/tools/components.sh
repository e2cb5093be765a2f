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
if [ ! -e $policy ]; then
    trap '$sudo rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
fi
echo "postfix postfix/main_mailer_type select No configuration" | $sudo debconf-set-selections
apt=("apt-get" -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
$sudo timeout 300 "${apt[@]}" update </dev/null
$sudo env DEBIAN_FRONTEND=noninteractive timeout 600 "${apt[@]}" install -y \
    --no-install-recommends "${packages[@]}" </dev/null >/dev/null
