"""Which services carry mail away, and the text of a pause: tables of real configuration."""

import pytest

from agent.postfix import deferral, services

# `postconf -M` of Debian 12 as installed, shortened, with what people add to it.
MASTER_CF = """\
smtp       inet  n       -       y       -       -       smtpd
submission inet  n       -       y       -       -       smtpd -o syslog_name=postfix/submission
pickup     unix  n       -       y       60      1       pickup
cleanup    unix  n       -       y       -       0       cleanup
qmgr       unix  n       -       n       300     1       qmgr
tlsmgr     unix  -       -       y       1000?   1       tlsmgr
smtp       unix  -       -       y       -       -       smtp
relay      unix  -       -       y       -       -       smtp -o syslog_name=postfix/$service_name
out-10.77.0.11 unix - - y - - smtp -o smtp_bind_address=10.77.0.11 -o syslog_name=postfix-a
error      unix  -       -       y       -       -       error
retry      unix  -       -       y       -       -       error
discard    unix  -       -       y       -       -       discard
local      unix  -       n       n       -       -       local
virtual    unix  -       n       n       -       -       virtual
lmtp       unix  -       -       y       -       -       lmtp
postlog    unix-dgram n  -       n       -       1       postlogd
maildrop   unix  -       n       n       -       -       pipe flags=DR argv=/usr/bin/maildrop -d x
uucp       unix  -       n       n       -       -       pipe flags=Fqhu user=uucp argv=uux -r -n
mailman    unix  -       n       n       -       -       pipe flags=FRX user=list \
argv=/usr/lib/mailman/bin/postfix-to-mailman.py ${nexthop} ${user}
dovecot    unix  -       n       n       -       -       pipe argv=/usr/lib/dovecot/deliver -f x
gateway    unix  -       n       n       -       -       pipe user=x argv=/opt/ses/send
policy     unix  -       n       n       -       0       spawn user=x argv=/usr/bin/policyd
strange    unix  -       -       n       -       -       newdaemon
"""


def test_the_command_column_decides() -> None:
    found = services.parse_services(MASTER_CF)
    assert services.outbound(found, {}) == (
        *("gateway", "lmtp", "out-10.77.0.11", "relay", "smtp", "strange", "uucp"),
    )


@pytest.mark.parametrize(
    "handovers, leaves",
    [
        ({}, False),
        ({"mailbox_transport": "", "fallback_transport_maps": ""}, False),
        ({"mailbox_transport": "virtual"}, False),
        ({"mailbox_transport": "lmtp:unix:private/dovecot-lmtp"}, False),
        ({"mailbox_transport": "lmtp:inet:10.0.0.1:24"}, True),
        ({"fallback_transport": "relay:[10.0.0.1]"}, True),
        ({"fallback_transport": "smtp"}, True),
        ({"mailbox_transport_maps": "hash:/etc/postfix/mailboxes"}, True),
    ],
)
def test_local_is_outbound_when_it_hands_mail_on(handovers: dict[str, str], leaves: bool) -> None:
    found = services.parse_services(MASTER_CF)
    assert ("local" in services.outbound(found, handovers)) is leaves


@pytest.mark.parametrize(
    "line",
    ["", "smtp unix - - y - -", "postconf: fatal: something", "smtp: unix"],
)
def test_what_is_no_service_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a service"):
        services.parse_services(f"smtp unix - - y - - smtp\n{line}\n")


@pytest.mark.parametrize(
    "arguments, own",
    [
        ("", False),
        ("-o qmgr_message_active_limit=1", False),
        ("-o defer_transports=smtp", True),
        ("-o { defer_transports = smtp }", True),
        ("-o mailfleet_paused=", True),
    ],
)
def test_a_queue_manager_with_its_own_list_is_noticed(arguments: str, own: bool) -> None:
    lines = (
        f"qmgr unix n - n 300 1 qmgr {arguments}\nsmtp unix - - n - - smtp -o defer_transports=\n"
    )
    found = services.parse_services(lines)
    assert services.has_own_deferral(found, ("defer_transports", "mailfleet_paused")) is own


@pytest.mark.parametrize(
    "before, during",
    [
        ("", "$mailfleet_paused"),
        ("smtp", "smtp, $mailfleet_paused"),
        ("a b,c", "a b,c, $mailfleet_paused"),
        ("${x?{a, b}} c", "${x?{a, b}} c, $mailfleet_paused"),
        ("$mailfleet_paused_too", "$mailfleet_paused_too, $mailfleet_paused"),
        ("${mailfleet_paused:smtp}", "${mailfleet_paused:smtp}, $mailfleet_paused"),
    ],
)
def test_a_reference_is_put_at_the_end_and_taken_back(before: str, during: str) -> None:
    assert not deferral.refers(before)
    assert deferral.referring(before) == during
    assert deferral.refers(during)
    assert deferral.without(during) == before
    assert deferral.referring(during) == during


@pytest.mark.parametrize(
    "edited, kept",
    [
        ("$mailfleet_paused, smtp", "smtp"),
        ("a, ${mailfleet_paused}, b", "a, b"),
        ("a $(mailfleet_paused) b", "a, b"),
        ("$mailfleet_paused $mailfleet_paused", ""),
        ("a,$mailfleet_paused_too,$mailfleet_paused", "a,$mailfleet_paused_too"),
    ],
)
def test_a_reference_is_found_wherever_a_person_put_it(edited: str, kept: str) -> None:
    assert deferral.refers(edited)
    assert deferral.without(edited) == kept
    assert not deferral.refers(deferral.without(edited))


def test_only_our_two_settings_may_change() -> None:
    before = """\
# head
defer_transports = a,
# a remark inside
   b

   c
mydestination = x
   y
#mailfleet_paused = no
"""
    after = """\
# head
defer_transports = a, b, c, $mailfleet_paused
# a remark inside

mydestination = x
   y
#mailfleet_paused = no
mailfleet_paused = smtp
"""
    assert deferral.others(before) == deferral.others(after)
    assert deferral.others(before) != deferral.others(after.replace("   y\n", ""))
    assert deferral.others(before) != deferral.others(after.replace("# head\n", ""))
    assert deferral.is_listed(after)
    assert not deferral.is_listed(before)
