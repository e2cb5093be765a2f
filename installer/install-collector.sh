#!/bin/bash
# Makes the mailfleet collector of this machine, or removes it again. `--help` says how.
#
# May be run again at any time: what is done already is left alone, and the collector is restarted
# only when something of its changed.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: install-collector.sh [--name NAME...] [--fleet NAME] [option...]
       install-collector.sh --uninstall [--purge]

  --name NAME           how nodes reach this machine: DNS name or IP; may be repeated.
                        Default: its full host name
  --fleet NAME          the fleet's name in its certificates. Default: the host's domain
  --dqs-key-file FILE   the key of the Spamhaus Data Query Service
  --with-apprise        also install apprise, for alerts by Slack, Telegram, PagerDuty and a hundred
                        more; once installed it stays
  --wheel FILE          default: the one mailfleet-*.whl beside this script
  --wheelhouse DIR      take the packages from here, and nothing from the network
  --dry-run             say what would be done, and do nothing

  --uninstall           remove the collector; configuration, journal, CA and keys stay
  --purge               remove these too: the nodes of the fleet must then enrol anew

The first run founds the collector and shows an admin token, once, on standard output, and the
line that makes a node of another machine. Nodes reach the TCP ports 7440 to 7442.

Exit status: 0 done, 1 failed, 2 wrong usage, 4 this machine is not supported.
TEXT
}

readonly COLLECTOR=mailfleet-collector.service
readonly CONFIG=/etc/mailfleet/collector.toml STATE=/var/lib/mailfleet/collector
readonly CURRENT=/opt/mailfleet/collector/current

fleet='' dqs_key_file='' with_apprise='' wheel='' wheelhouse='' away='' purge=''
names=()

main() {
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    # shellcheck source=installer/steps.sh
    . "$here/steps.sh"
    parse "$@"
    if [ -n "$away" ]; then
        uninstall
        return
    fi
    check
    install_program collector "$here/$(requirements)" "$COLLECTOR"
    link_command mailfleet collector
    place_role "$here/../systemd" collector
    place_unit "$here/../systemd" "$COLLECTOR"
    place_zone_key "$COLLECTOR"
    found
    start_units "$COLLECTOR"
    conclude
}

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --name | --fleet | --dqs-key-file | --wheel | --wheelhouse)
                [ $# -ge 2 ] || refuse "$USAGE" "$1 needs a value" "--help says more" ;;&
            --name) names+=("$2") && shift ;;
            --fleet) fleet=$2 && shift ;;
            --dqs-key-file) dqs_key_file=$2 && shift ;;
            --wheel) wheel=$2 && shift ;;
            --wheelhouse) wheelhouse=$2 && shift ;;
            --with-apprise) with_apprise=1 ;;
            --dry-run) dry_run=1 ;;
            --uninstall) away=1 ;;
            --purge) purge=1 ;;
            -h | --help) usage && exit 0 ;;
            *) refuse "$USAGE" "unknown option: $1" "--help lists them" ;;
        esac
        shift
    done
    [ -n "$away" ] || [ -z "$purge" ] || refuse "$USAGE" "--purge belongs to --uninstall" ""
}

# Everything that can be wrong with this machine or with what was asked, before a change is made.
check() {
    local one
    check_system
    begin
    check_python 11
    check_disk
    find_wheel "$here"
    [ -z "$dqs_key_file" ] || [ -r "$dqs_key_file" ] ||
        refuse "$USAGE" "$dqs_key_file: cannot be read" ""
    for one in ${fleet:+"$fleet"} "${names[@]}"; do check_host "$one"; done
    if [ -e "$CONFIG" ] && [ -n "$fleet${names[*]}" ]; then
        say "$CONFIG is here already: --fleet and --name are not used"
    fi
}

# The packages this collector needs: with apprise when it is asked for, or here already.
requirements() {
    local here_already=("${CURRENT}"/lib/python*/site-packages/apprise)
    if [ -n "$with_apprise" ] || [ -d "${here_already[0]}" ]; then
        echo requirements-collector-apprise.txt
    else
        echo requirements-collector.txt
    fi
}

# Configuration, CA, master key, journal, pool and one admin token. `init` makes only what is
# missing, writes the configuration last, and gives everything to the collector's user.
found() {
    local one options=(--yes)
    [ ! -e "$CONFIG" ] || return 0
    for one in "${names[@]}"; do options+=(--name "$one"); done
    [ -z "$fleet" ] || options+=(--fleet "$fleet")
    act "founding the collector" "$CURRENT/bin/mailfleet" init "${options[@]}"
}

uninstall() {
    [ "$(id -u)" = 0 ] || refuse 1 "only root can uninstall" "run it with sudo"
    begin
    remove_units "$COLLECTOR"
    remove_role collector mailfleet
    [ -z "$purge" ] || purge_role collector
    conclude
    [ -n "$purge" ] || [ ! -d "$STATE" ] ||
        say "$STATE and $CONFIG stay: the fleet's CA, keys and journal; --purge removes them"
    [ "$changes" = 0 ] || say "nodes keep their last directive: what is paused stays paused"
}

main "$@"
