"""What people are told about a reply, in each form they may have it."""

import pytest

from deliverability import receivers, replies_explain
from deliverability.replies import Fault, ReplyClass
from deliverability.replies_explain import explain

LINE = (
    "Oct  3 10:00:00 mx postfix-out/smtp[12]: 4E74613FE76: to=<joe@firm.example>, relay={relay}, "
    "delay=1.9, delays=0.05/0/1.1/0.71, dsn={dsn}, status={status} ({text})"
)
GMAIL = "gmail-smtp-in.l.google.com[192.0.2.1]:25"


@pytest.mark.parametrize(
    "text, receiver, reply_class",
    [
        ("421-4.7.28 …", "google", "rate_limited"),
        ("550 5.1.1 https://support.google.com/mail/?p=NoSuchUser", "google", "invalid_recipient"),
        ("421 4.7.0 [TSS04] Messages from 192.0.2.1", "yahoo", "rate_limited"),
        ("on our block list (S3150)", "microsoft", "reputation_block"),
        ("550 5.7.515 Access denied", "microsoft", "sender_auth"),
        ("421 [HCM1] Your mail from 192.0.2.1 was deferred", "apple", "rate_limited"),
        ("host mx00.gmx.net[192.0.2.1] said: 421 Rate limit reached", "gmx", "rate_limited"),
        ("<joe@x.example>: host mx.zoho.eu[192.0.2.1] said: 451 4.7.1 Greylisted", "zoho",
         "greylist"),
        ("connect to mxs.mail.ru[192.0.2.1]:25: Connection timed out", "mail.ru", "network"),
        ("Diagnostic-Code: smtp; 550 5.1.1 gone", "", "invalid_recipient"),
        ("delivery temporarily suspended: connect to x[y]:25: refused", "", "local"),
        ("550 Xyzzy", "", "unknown"),
        ("250 ok", "", "unknown"),
        ("", "", "unknown"),
    ],
)  # fmt: skip
def test_a_bare_reply(text: str, receiver: str, reply_class: str) -> None:
    found = explain(text)
    assert (found.receiver, found.reply_class.value) == (receiver, reply_class)
    assert found.meaning
    assert found.remedy


@pytest.mark.parametrize(
    "relay, dsn, status, text, expected",
    [
        (GMAIL, "5.1.1", "bounced", "host x[y] said: 550-5.1.1 (no) 550 5.1.1 x si1 - gsmtp",
         ("google", ReplyClass.INVALID_RECIPIENT)),
        ("none", "4.4.1", "deferred", "connect to mta5.am0.yahoodns.net[192.0.2.1]:25: refused",
         ("yahoo", ReplyClass.NETWORK)),
        ("none", "4.4.3", "deferred", "Name service error for name=x type=MX: Host not found, "
         "try again", ("firm.example", ReplyClass.DNS)),
        ("none", "4.3.2", "deferred", "deferred transport", ("firm.example", ReplyClass.LOCAL)),
        (GMAIL, "4.4.7", "expired", "x", ("google", ReplyClass.EXPIRED)),
        (GMAIL, "2.0.0", "sent", "250 2.0.0 OK  1697 - gsmtp", ("google", ReplyClass.UNKNOWN)),
    ],
)  # fmt: skip
def test_a_whole_line(
    relay: str, dsn: str, status: str, text: str, expected: tuple[str, ReplyClass]
) -> None:
    found = explain(LINE.format(relay=relay, dsn=dsn, status=status, text=text))
    assert (found.receiver, found.reply_class) == expected
    assert "joe" not in found.text


def test_the_receiver_that_is_said_counts() -> None:
    assert explain("550 5.7.1 [CS01]").receiver == "apple"
    assert explain("550 5.7.1 [CS01]", receiver="yahoo").receiver == "yahoo"


def test_what_is_said_of_the_rule() -> None:
    found = explain("421 4.7.0 [TSS04] Messages from 192.0.2.1 joe@x.example")
    assert (found.smtp, found.enhanced, found.fault) == ("421", "4.7.0", Fault.RATE)
    assert "48 hours" in found.meaning
    assert found.rule == 'yahoo, "tss04"'
    assert found.source.startswith("senders.yahooinc.com")
    assert found.dated.startswith("2026-")
    assert found.text.endswith("***@x.example")
    assert explain("550 5.7.25 x").rule == "any receiver, code x.7.25"
    assert explain("550 Xyzzy").rule == "no rule fits"
    assert explain("550 Xyzzy").source == ""


def test_at_home_it_is_ours() -> None:
    line = LINE.format(
        relay="127.0.0.1[127.0.0.1]:10024",
        dsn="4.4.1",
        status="deferred",
        text="connect to 127.0.0.1[127.0.0.1]:10024: Connection refused",
    )
    found = explain(line, receiver=receivers.LOCAL)
    assert (found.reply_class, found.fault) == (ReplyClass.LOCAL, Fault.OURS)


def test_every_class_has_its_sentences_and_every_receiver_its_signs() -> None:
    assert set(replies_explain.SENTENCES) == set(ReplyClass)
    assert set(replies_explain._SIGNS) == receivers.KNOWN
