#!/bin/bash
# Makes a mailfleet node of this machine, or makes it none again. `--help` says how.
#
# May be run again at any time: what is done already is left alone, and the daemons are restarted
# only when something of theirs changed.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: install-agent.sh --collector HOST --token-file FILE [option...]
       install-agent.sh                       (again, on a node: upgrade it, or mend it)
       install-agent.sh --uninstall [--purge] [--resume-postfix]

  --collector HOST      the collector, by a name or address in its certificate
  --token-file FILE     the join token of `mailfleet node token`; - reads standard input.
                        Without it: the variable MAILFLEET_TOKEN
  --again               enrol again, as another node, although this one is enrolled
  --address IP          an address this node sends from; needed when the machine does not have
                        exactly one public IPv4 address
  --dqs-key-file FILE   the key of the Spamhaus Data Query Service
  --wheel FILE          default: the one mailfleet-*.whl beside this script
  --wheelhouse DIR      take the packages from here, and nothing from the network
  --no-rsyslog          where Postfix logs to the journal alone, have the agent read the journal
  --no-wait             do not wait for the collector to acknowledge a heartbeat
  --dry-run             say what would be done, and do nothing

  --uninstall           remove the agent; Postfix, /etc/mailfleet and its state stay.
                        A pause stays in force
  --purge               remove configuration, state and user too
  --resume-postfix      let a paused Postfix send again

Exit status: 0 done, 1 failed, 2 wrong usage, 4 this machine is not supported, 5 the collector
refused the token, 6 it was not reached, 7 it has acknowledged nothing yet.
TEXT
}

readonly AGENT=mailfleet-agent.service HELPER=mailfleet-helper.service
readonly CONFIG=/etc/mailfleet/agent.toml STATE=/var/lib/mailfleet/agent
readonly CURRENT=/opt/mailfleet/agent/current
readonly ACKNOWLEDGED_SECONDS_MAX=60

collector='' token_file='' again='' dqs_key_file='' wheel='' wheelhouse='' no_rsyslog='' no_wait=''
away='' purge='' resume_postfix='' mail_log=/var/log/mail.log queue=/var/spool/postfix
addresses=()

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
    install_program agent "$here/requirements-agent.txt" "$HELPER" "$AGENT"
    link_command mailfleet-agent agent
    place_role "$here/../systemd" agent
    find_mail_log
    configure
    place_unit "$here/../systemd" "$HELPER"
    place_drop_in "$HELPER" places.conf "$(places_of_postfix)"
    place_unit "$here/../systemd" "$AGENT"
    place_zone_key "$AGENT"
    enrol
    local changes_before=$changes
    start_units "$HELPER" "$AGENT"
    check_mail_log
    conclude
    [ "$changes" = "$changes_before" ] || [ -n "$dry_run$no_wait" ] || wait_for_collector
}

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --collector | --token-file | --address | --dqs-key-file | --wheel | --wheelhouse)
                [ $# -ge 2 ] || refuse "$USAGE" "$1 needs a value" "--help says more" ;;&
            --collector) collector=$2 && shift ;;
            --token-file) token_file=$2 && shift ;;
            --address) addresses+=("$2") && shift ;;
            --dqs-key-file) dqs_key_file=$2 && shift ;;
            --wheel) wheel=$2 && shift ;;
            --wheelhouse) wheelhouse=$2 && shift ;;
            --again) again=1 ;;
            --no-rsyslog) no_rsyslog=1 ;;
            --no-wait) no_wait=1 ;;
            --dry-run) dry_run=1 ;;
            --uninstall) away=1 ;;
            --purge) purge=1 ;;
            --resume-postfix) resume_postfix=1 ;;
            -h | --help) usage && exit 0 ;;
            *) refuse "$USAGE" "unknown option: $1" "--help lists them" ;;
        esac
        shift
    done
    [ -n "$away" ] || [ -z "$purge$resume_postfix" ] ||
        refuse "$USAGE" "--purge and --resume-postfix belong to --uninstall" ""
}

# Everything that can be wrong with this machine or with what was asked, before a change is made.
check() {
    local one
    check_system
    begin
    check_python 10
    check_disk
    find_wheel "$here"
    for one in "$dqs_key_file" "${token_file#-}"; do
        [ -z "$one" ] || [ -r "$one" ] || refuse "$USAGE" "$one: cannot be read" ""
    done
    for one in ${collector:+"$collector"} "${addresses[@]}"; do check_host "$one"; done
    if [ ! -e "$CONFIG" ]; then
        [ -n "$collector" ] || refuse "$USAGE" "no collector is named" "--collector HOST"
    elif [ -n "$collector" ] && ! grep -qF "\"$collector\"" "$CONFIG"; then
        refuse "$USAGE" "$CONFIG is here already, and does not name $collector" \
            "edit that file, or remove it, and run this again"
    fi
    if ! is_enrolled || [ -n "$again" ]; then
        [ -n "$token_file${MAILFLEET_TOKEN:-}" ] || refuse "$USAGE" "no join token was given" \
            "mailfleet node token on the collector, --token-file FILE here; sudo drops MAILFLEET_TOKEN"
    fi
    command -v postconf >/dev/null || warn "Postfix is not installed: there is nothing to pause;" \
        "install it, then run this again"
}

is_enrolled() {
    [ -e "$STATE/identity" ]
}

# Where Postfix logs. A file costs less to follow: where there is only the journal, rsyslog writes
# one, readable for the group adm and rotated, as the distribution has it; main.cf stays as it is.
find_mail_log() {
    local file
    command -v postconf >/dev/null || return 0
    queue=$(postconf -h queue_directory)
    file=$(postconf -h maillog_file 2>/dev/null || true)
    if [ -n "$file" ]; then
        mail_log=$file
    elif ! systemctl --quiet is-active syslog.service; then
        if [ -n "$no_rsyslog" ]; then
            mail_log=journal
        else
            act "installing rsyslog: Postfix logs to the journal alone" install_rsyslog
        fi
    fi
}

install_rsyslog() {
    apt_install rsyslog logrotate
    systemctl --quiet enable --now rsyslog.service
}

check_mail_log() {
    [ -z "$dry_run" ] && [ -e "$mail_log" ] || return 0
    runuser -u mailfleet-agent -- test -r "$mail_log" ||
        warn "the agent may not read $mail_log: chgrp adm $mail_log; chmod g+r $mail_log;" \
            "with Postfix 3.9 and later also maillog_file_permissions = 0640"
}

# The file is made once, and from then on it is the operator's.
configure() {
    [ -e "$CONFIG" ] && return
    if [ ${#addresses[@]} = 0 ] && [ -z "$dry_run" ]; then
        find_address
    fi
    place_text "$(render)" "$CONFIG"
    restart_later "$AGENT"
}

# Without one in the configuration the agent takes the only public one: is there exactly one?
find_address() {
    local found
    found=$("$CURRENT/bin/python" -I -c \
        'from agent.host import facts; print(*facts.global_addresses())')
    case $found in
        '') refuse "$USAGE" "this machine has no public IPv4 address of its own" \
            "name the one the world sees: --address IP" ;;
        *' '*) refuse "$USAGE" "this machine has several public addresses: $found" \
            "name the one it sends from: --address IP" ;;
    esac
}

render() {
    local one list=''
    echo "# mailfleet agent. Written once by install-agent.sh; it is yours to change."
    printf '\n[collector]\nhost = "%s"\n' "$collector"
    for one in "${addresses[@]}"; do list="$list${list:+, }\"$one\""; done
    [ -z "$list" ] || printf '\n[node]\naddresses = [%s]\n' "$list"
    printf '\n[postfix]\nlog = "%s"\nqueue = "%s"\n' "$mail_log" "$queue"
}

# The folders of all instances that the helper's unit does not name already, as a drop-in.
places_of_postfix() {
    local directory place found=''
    command -v postconf >/dev/null || return 0
    for directory in /etc/postfix $(postconf -h multi_instance_directories | tr , ' '); do
        for place in "$directory" "$(postconf -c "$directory" -h queue_directory)" \
            "$(postconf -c "$directory" -h data_directory)" \
            "$(dirname "$(postconf -c "$directory" -h maillog_file 2>/dev/null)/-")"; do
            case $place in
                /etc/postfix | /var/spool/postfix | /var/lib/postfix | /var/log | /var/log/* | . | /) ;;
                *) found="$found -$place" ;;
            esac
        done
    done
    [ -z "$found" ] || printf '[Service]\nReadWritePaths=%s' "${found# }"
}

enrol() {
    if is_enrolled && [ -z "$again" ]; then
        [ -z "$token_file${MAILFLEET_TOKEN:-}" ] ||
            say "this node is enrolled already: the token was not used (--again uses it)"
        return 0
    fi
    act "enrolling" mailfleet_agent enrol ${again:+--again} \
        ${token_file:+--token-file "$token_file"}
    restart_later "$AGENT"
}

# A refusal of the collector ends the installer with the same status.
mailfleet_agent() {
    local status=0
    "$CURRENT/bin/mailfleet-agent" "$@" || status=$?
    if [ "$status" != 0 ]; then
        refused=1
        exit "$status"
    fi
}

wait_for_collector() {
    local second
    for ((second = 0; second < ACKNOWLEDGED_SECONDS_MAX; second++)); do
        if "$CURRENT/bin/mailfleet-agent" status -o json 2>/dev/null | "$PYTHON" -c '
import json, sys
said = json.load(sys.stdin)
sys.exit(not (said["is_running"] and said["is_connected"] and said["acknowledged"]))' 2>/dev/null
        then
            say "the collector has acknowledged a heartbeat: this node is part of the fleet"
            return
        fi
        sleep 1
    done
    refuse 7 "the agent runs, but the collector has not acknowledged a heartbeat" \
        "mailfleet-agent check; journalctl -u $AGENT"
}

# ---- and back ----

uninstall() {
    [ "$(id -u)" = 0 ] || refuse 1 "only root can uninstall" "run it with sudo"
    begin
    # The agent first: it would close what is opened here.
    remove_units "$AGENT"
    if is_paused && [ -n "$resume_postfix" ]; then
        act "resuming Postfix" resume
    elif is_paused; then
        warn "this node is PAUSED by mailfleet and stays so: Postfix keeps what it would send." \
            "To let it send: install-agent.sh --uninstall --resume-postfix, or take" \
            "\$mailfleet_paused out of defer_transports in main.cf and reload Postfix"
    fi
    remove_units "$HELPER"
    remove_role agent mailfleet-agent
    [ -z "$purge" ] || purge_role agent
    conclude
    [ "$changes" = 0 ] || say "the collector still knows this node: mailfleet node revoke NODE"
}

is_paused() {
    # shellcheck disable=SC2016  # the dollar is Postfix's
    command -v postconf >/dev/null && postconf -h defer_transports | grep -q '[$].*mailfleet_paused'
}

# The helper's own code, in every instance: only what the pause wrote is taken back. It needs the
# standard library alone, so the wheel serves where the program is gone already.
resume() {
    local place
    place=$(echo "$CURRENT"/lib/python3*/site-packages)
    if [ ! -d "$place" ]; then
        find_wheel "$here"
        place=$wheel
    fi
    "$PYTHON" -I -c '
import sys
sys.path.insert(0, sys.argv[1])
from agent.postfix.installation import Installation
from agent.postfix.verbs import Message
Installation("/etc/postfix").answer(Message("resume", {}))' "$place"
}

main "$@"
