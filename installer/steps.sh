# shellcheck shell=bash
# long: what both installers do, in the order they do it, and its way back
# The steps install-agent.sh and install-collector.sh are made of. Sourced by them; runs nothing.
#
# Each step first looks whether its work is done already, so that a second run changes nothing.
# With dry_run=1 it says what it would do instead. What changed is remembered: the units to
# restart in `restarts`, the number of changes in `changes`.

readonly OPT=/opt/mailfleet ETC=/etc/mailfleet LIB=/var/lib/mailfleet
readonly UNITS=/etc/systemd/system
# The distribution's own: another one in the path (pyenv, conda) may be gone tomorrow.
readonly PYTHON=/usr/bin/python3
readonly USAGE=2 UNSUPPORTED=4
readonly DISK_MB_MIN=500
readonly LOCK=/run/mailfleet-install.lock NOTES=/run/mailfleet-restart.

dry_run=
changes=0
restarts=
reload_units=
placed=
doing="starting"
scratch=
refused=

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# refuse STATUS WHAT REMEDY
refuse() {
    refused=1
    printf '%s: %s\n' "${0##*/}" "$2" >&2
    [ -z "${3:-}" ] || printf '  fix: %s\n' "$3" >&2
    exit "$1"
}

# act WHAT COMMAND...: carry it out, or say that it would be.
act() {
    local what=$1
    shift
    doing=$what
    changes=$((changes + 1))
    if [ -n "$dry_run" ]; then
        say "would: $what"
    else
        say "$what"
        "$@"
    fi
}

# begin: one installer at a time; a run that breaks off says where, and leaves no scratch file.
begin() {
    exec 9>"$LOCK"
    flock -n 9 || refuse 1 "another installer of mailfleet is running" "let it finish"
    scratch=$(mktemp)
    trap 'end $?' EXIT
}

end() {
    rm -f "$scratch"
    [ "$1" = 0 ] || [ -n "$refused" ] || say "${0##*/}: failed while $doing; run it again" >&2
}

# restart_later UNIT...: once, at the end. The note outlives a run that breaks off, and no reboot.
restart_later() {
    local unit
    for unit in "$@"; do
        [ -n "$dry_run" ] || touch "$NOTES$unit"
        restarts="$restarts $unit "
    done
}

# is_restart_due UNIT
is_restart_due() {
    [ -e "$NOTES$1" ] || [[ $restarts == *" $1 "* ]]
}

# ---- what must be so before anything is touched ----

check_system() {
    local id version
    [ "$(id -u)" = 0 ] || refuse 1 "only root can install" "run it with sudo"
    id=$(. /etc/os-release && echo "${ID:-}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    case "$id $version" in
        "debian 12" | "debian 13" | "ubuntu 22.04" | "ubuntu 24.04" | "ubuntu 26.04") ;;
        *) refuse $UNSUPPORTED "this is $id $version" \
            "supported are Debian 12 and 13, Ubuntu 22.04, 24.04 and 26.04" ;;
    esac
    [ -d /run/systemd/system ] || refuse $UNSUPPORTED "systemd does not run this machine" \
        "boot it with systemd; in a plain container there is nothing to start the daemons"
}

# check_python MINOR: 3.MINOR or later
check_python() {
    [ -x "$PYTHON" ] || refuse $UNSUPPORTED "there is no $PYTHON" "apt-get install python3"
    "$PYTHON" -c "import sys; sys.exit(sys.version_info < (3, $1))" || refuse $UNSUPPORTED \
        "$("$PYTHON" -V) is too old" "Python 3.$1 or later: Debian 12, Ubuntu 24.04 and newer"
}

check_disk() {
    local free
    free=$(($({ df -Pk /opt 2>/dev/null || df -Pk /; } | awk 'END {print $4}') / 1024))
    [ "$free" -ge $DISK_MB_MIN ] || refuse 1 "/opt has $free MB free" \
        "make room: $DISK_MB_MIN MB are needed, a part of it only while installing"
}

# find_wheel HERE: sets `wheel` unless it was given.
find_wheel() {
    local found
    if [ -z "$wheel" ]; then
        for found in "$1"/mailfleet-*.whl "$1"/../mailfleet-*.whl "$1"/../dist/mailfleet-*.whl; do
            [ -f "$found" ] || continue
            [ -z "$wheel" ] || refuse $USAGE "there are several wheels beside this script" \
                "say which: --wheel $wheel"
            wheel=$found
        done
    fi
    [ -n "$wheel" ] || refuse $USAGE "there is no mailfleet-*.whl beside this script" \
        "name one with --wheel, or make a bundle in a checkout: make bundle"
    [ -f "$wheel" ] || refuse $USAGE "$wheel: no such file" ""
    case ${wheel##*/} in
        mailfleet-*-py3-none-any.whl) ;;
        *) refuse $USAGE "$wheel is not a wheel of mailfleet" "" ;;
    esac
}

# check_host HOST: what may stand in a configuration file as a host.
check_host() {
    [[ $1 =~ ^[A-Za-z0-9:._-]{1,253}$ ]] || refuse $USAGE "not a host name or IP address: $1" ""
}

# ---- packages of the system ----

apt_install() {
    local apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    # Somebody else's source that cannot be read need not stop us.
    "${apt[@]}" update </dev/null || warn "apt-get update complained"
    DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "$@" \
        </dev/null >/dev/null
}

install_venv_module() {
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || act "installing python3-venv" \
        apt_install python3-venv
}

# ---- the program ----

# install_program ROLE REQUIREMENTS UNIT...: a virtual environment of its own below
# /opt/mailfleet/ROLE/releases, complete before `current` points to it; the one before it is kept.
install_program() {
    local role=$1 requirements=$2 version key home release
    shift 2
    version=${wheel##*/mailfleet-}
    version=${version%%-*}
    key=$({ "$PYTHON" -V; sha256sum <"$wheel"; sha256sum <"$requirements"; } | sha256sum | cut -c1-12)
    home=$OPT/$role
    release=$home/releases/$version-$key
    if [ ! -e "$release/.complete" ]; then
        install_venv_module
        act "installing mailfleet $version into $release" \
            build_release "$release" "$requirements"
    fi
    if [ "$(readlink "$home/current" 2>/dev/null)" != "releases/$version-$key" ]; then
        act "making mailfleet $version the current one of the $role" switch_release "$home" "$release"
        restart_later "$@"
    fi
}

# Nothing is taken that the hashes do not name, and nothing is built here: wheels only.
build_release() {
    local release=$1 requirements=$2
    local pip=("$release/bin/python" -m pip --quiet --disable-pip-version-check --no-input)
    local from=()
    [ -z "$wheelhouse" ] || from=(--no-index --find-links "$wheelhouse")
    rm -rf "$release"
    mkdir -p "${release%/*}"
    "$PYTHON" -m venv "$release"
    "${pip[@]}" install --no-cache-dir --no-compile --only-binary :all: --require-hashes \
        "${from[@]}" -r "$requirements"
    "${pip[@]}" install --no-cache-dir --no-compile --no-index --no-deps "$wheel"
    # Compiled here and now, on all processors: the daemons cannot write here, and what they would
    # compile at each start costs them time and memory. A package's own test data may not compile.
    "$release/bin/python" -m compileall -q -j 0 -x '/(pip|setuptools)/' "$release/lib" \
        >/dev/null || true
    chmod -R go-w "$release"
    touch "$release/.complete"
}

switch_release() {
    local home=$1 release=$2 before old
    before=$(readlink "$home/current" || true)
    ln -s "releases/${release##*/}" "$home/current.new"
    mv -T "$home/current.new" "$home/current"
    for old in "$home"/releases/*; do
        [ "$old" = "$release" ] || [ "releases/${old##*/}" = "$before" ] || rm -rf "$old"
    done
}

# link_command NAME ROLE: for people's paths.
link_command() {
    local target=$OPT/$2/current/bin/$1 link=/usr/local/bin/$1
    [ "$(readlink "$link" 2>/dev/null)" = "$target" ] || act "linking $link" ln -sfn "$target" "$link"
}

# ---- files, users, units ----

# place FILE DESTINATION [MODE]: `placed` says whether it had to be put there.
place() {
    local file=$1 destination=$2 mode=${3:-644}
    placed=
    if ! cmp -s "$file" "$destination" || [ "$(stat -c %a "$destination")" != "$mode" ]; then
        act "writing $destination" install -D -o root -g root -m "$mode" "$file" "$destination"
        placed=1
    fi
}

# place_text TEXT DESTINATION [MODE]
place_text() {
    printf '%s\n' "$1" >"$scratch"
    place "$scratch" "$2" "${3:-644}"
}

# remove PATH...
remove() {
    local path
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            act "removing $path" rm -rf "$path"
        fi
    done
}

# place_role SYSTEMD ROLE: its users and groups, and its folders below /run.
place_role() {
    place "$1/mailfleet-$2.sysusers.conf" "/etc/sysusers.d/mailfleet-$2.conf"
    if [ -n "$placed" ] || ! getent passwd "mailfleet-$2" >/dev/null; then
        act "making the user mailfleet-$2" systemd-sysusers "/etc/sysusers.d/mailfleet-$2.conf"
        restart_later "mailfleet-$2.service"
    fi
    place "$1/mailfleet-$2.tmpfiles.conf" "/etc/tmpfiles.d/mailfleet-$2.conf"
    if [ -n "$placed" ] || [ ! -d /run/mailfleet ]; then
        act "making /run/mailfleet" systemd-tmpfiles --create "/etc/tmpfiles.d/mailfleet-$2.conf"
    fi
    if [ "$(stat -c %U "$LIB/$2" 2>/dev/null)" != "mailfleet-$2" ]; then
        act "making $LIB/$2" install -d -o "mailfleet-$2" -g "mailfleet-$2" -m 700 "$LIB/$2"
    fi
}

# place_unit SYSTEMD UNIT
place_unit() {
    place "$1/$2" "$UNITS/$2"
    [ -z "$placed" ] || changed_unit "$2"
}

# place_drop_in UNIT NAME TEXT; without text it is removed.
place_drop_in() {
    local path=$UNITS/$1.d/$2
    if [ -n "$3" ]; then
        place_text "$3" "$path"
        [ -z "$placed" ] || changed_unit "$1"
    elif [ -e "$path" ]; then
        remove "$path"
        changed_unit "$1"
    fi
}

changed_unit() {
    reload_units=1
    restart_later "$1"
}

# place_zone_key UNIT: the key given, or the one in place, becomes a credential of the unit. A key
# is optional, and LoadCredential= of a file that is missing stops the unit: hence a drop-in.
place_zone_key() {
    local key
    if [ -n "$dqs_key_file" ]; then
        key=$(tr -d ' \t\r\n' <"$dqs_key_file")
        [[ $key =~ ^[A-Za-z0-9]{8,64}$ ]] || refuse $USAGE "$dqs_key_file holds no DQS key" \
            "it is the one word that stands before .zen.dq.spamhaus.net in your account"
        place_text "$key" "$ETC/dqs_key" 600
        [ -z "$placed" ] || restart_later "$1"
    fi
    if [ -n "$dqs_key_file" ] || [ -e "$ETC/dqs_key" ]; then
        place_drop_in "$1" dqs-key.conf "[Service]
LoadCredential=dqs_key:$ETC/dqs_key"
    fi
}

# start_units UNIT...: enabled, running, and restarted only if something of theirs changed.
start_units() {
    local unit
    if [ -n "$reload_units" ] || is_reload_due "$@"; then
        act "reading the units anew" systemctl daemon-reload
    fi
    for unit in "$@"; do
        systemctl --quiet is-enabled "$unit" 2>/dev/null || act "enabling $unit" \
            systemctl --quiet enable "$unit"
        if ! systemctl --quiet is-active "$unit"; then
            act "starting $unit" start_unit start "$unit"
        elif is_restart_due "$unit"; then
            act "restarting $unit" start_unit restart "$unit"
        fi
    done
}

is_reload_due() {
    systemctl show --property NeedDaemonReload "$@" 2>/dev/null | grep -q =yes
}

start_unit() {
    systemctl reset-failed "$2" 2>/dev/null || true
    systemctl "$1" "$2" || {
        journalctl --no-pager --output cat --lines 10 --unit "$2" >&2 || true
        refuse 1 "$2 does not start" "journalctl -u $2 says why; then run this again"
    }
    rm -f "$NOTES$2"
}

# remove_units UNIT...
remove_units() {
    local unit
    for unit in "$@"; do
        [ -e "$UNITS/$unit" ] || continue
        act "stopping $unit" systemctl --quiet disable --now "$unit"
        remove "$UNITS/$unit" "$UNITS/$unit.d" "$NOTES$unit"
        reload_units=1
    done
    [ -z "$reload_units" ] || act "reading the units anew" systemctl daemon-reload
}

# remove_role ROLE COMMAND: everything of a role but its configuration and its state.
remove_role() {
    remove "$OPT/$1" "/usr/local/bin/$2" "/etc/sysusers.d/mailfleet-$1.conf" \
        "/etc/tmpfiles.d/mailfleet-$1.conf"
    [ -n "$dry_run" ] || rmdir --ignore-fail-on-non-empty "$OPT" 2>/dev/null || true
}

# purge_role ROLE: these too. What the other role on this machine needs stays.
purge_role() {
    local other=agent
    [ "$1" != agent ] || other=collector
    remove "$ETC/$1.toml" "${LIB:?}/$1"
    if [ ! -e "$UNITS/mailfleet-$other.service" ]; then
        remove "$ETC/dqs_key" /run/mailfleet
    fi
    if getent passwd "mailfleet-$1" >/dev/null; then
        act "removing the user mailfleet-$1" userdel "mailfleet-$1"
    fi
    [ -n "$dry_run" ] || rmdir --ignore-fail-on-non-empty "$ETC" "$LIB" 2>/dev/null || true
}

# conclude: the last line of every run
conclude() {
    if [ "$changes" = 0 ]; then
        say "nothing to change"
    elif [ -n "$dry_run" ]; then
        say "dry run: $changes changes, none made"
    else
        say "done: $changes changes"
    fi
}
