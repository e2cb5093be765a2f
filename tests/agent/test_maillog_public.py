"""Logs as other writers leave them: what stands before a line, behind it, and in its midst.

The forms were found in public logs, test data of other readers and manuals of log writers. Each is
read alone and among many, and as the daemon reads it: the facts are the same.
"""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from agent import logs_test_run
from agent.logs_test_run import Reading
from agent.maillog import parse
from agent.maillog.lines import Delivery, MailEvent, Sent, event_of

SMTP = "postfix/smtp[5]: "
ID = "4cB1Gk2zTMz9sWZ"
DELIVERED = (
    f"{ID}: to=<ann@x.example>, relay=mx.example.com[203.0.113.5]:25, delay=1.2, "
    "delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 OK)"
)
OTHERS = (
    f"postfix/qmgr[5]: {ID}: from=<a@shop.example>, size=1, nrcpt=1 (queue active)",
    f"postfix/smtpd[7]: {ID}: client=a.example[203.0.113.4]",
    f"postfix/cleanup[7]: {ID}: message-id=<1@shop.example>",
    "postfix/smtpd[7]: connect from a.example[203.0.113.4]",
    f"postfix/qmgr[5]: {ID}: removed",
)
NOON = "2026-11-22T09:33:50+00:00"
# What stands before the tag; its time, where it names its zone; its host.
HEADS = {
    "journalctl, short-full": ("Sun 2026-11-22 09:33:50 UTC mx1 ", NOON, "mx1"),
    "FreeBSD": ("Nov 22 09:33:50 <mail.info> mx1 ", "", "mx1"),
    "AIX": ("Nov 22 09:33:50 mx1 mail:info ", "", "mx1"),
    "BusyBox": ("Nov 22 09:33:50 mx1 mail.info ", "", "mx1"),
    "OpenWrt": ("Sun Nov 22 09:33:50 2026 mail.info ", "", ""),
    "a level for the host": ("2026-11-22T09:33:50+00:00 INFO    ", NOON, ""),
    "offset of hours": ("2026-11-22T10:33:50+01 mx1 ", NOON, "mx1"),
    "docker logs --timestamps": ("2026-11-22T09:33:50Z Nov 22 09:33:49 mx1 ", NOON, "mx1"),
    "docker compose logs": ("mail-1  | 2026-11-22T09:33:50+00:00 mx1 ", NOON, "mx1"),
    "grep": ("/var/log/mail.log:2026-11-22T09:33:50+00:00 mx1 ", NOON, "mx1"),
    "in brackets": ("[2026-11-22 09:33:50 UTC] mx1 ", NOON, "mx1"),
    "priority and blank": ("<22> 2026-11-22T09:33:50Z mx1 ", NOON, "mx1"),
    "priority, version, RFC 3164": ("<22>1 2026-11-22T09:33:50Z mx1 ", NOON, "mx1"),
    "relayed": ("2026-11-22T09:33:50Z relay1 Nov 22 09:33:49 mx1 ", NOON, "mx1"),
}


NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def events(folder: Path, *lines: str) -> list[dict[str, Any]]:
    """What `logs-test --events` tells."""
    log = folder / "log"
    log.write_bytes("".join(line + "\n" for line in lines).encode())
    reading = Reading([str(log)], seen=lambda size: None, problems=[])
    return list(logs_test_run.events(reading, now=NOW))


def facts(chunk: str) -> tuple[int, ...]:
    """As the command reads it, which is to be as the daemon does."""
    read = parse.parse_chunk(chunk.encode())
    counted = parse.parse_counted(chunk.encode())
    told = [
        (list(map(parse_event, one.events)), one.accepted, one.queued, one.shared)
        for one in (read, counted)
    ]
    assert told[0] == told[1]
    assert sorted(read.removed) == sorted(counted.removed)
    assert (read.unparsed, read.unknown, read.foreign) == (0, {}, 0)
    return *(len(kind) for kind in told[0]), len(list(read.removed))


def parse_event(event: MailEvent | Sent) -> MailEvent:
    """Of what was sent the daemon keeps no reply."""
    found = event_of(event)
    return found._replace(dsn=b"", text=b"") if isinstance(found, Delivery) else found


def test_heads_told_by_the_command(tmp_path: Path) -> None:
    told = events(tmp_path, *(head + SMTP + DELIVERED for head, *_ in HEADS.values()))
    assert len(told) == len(HEADS)
    for (name, (_, time, host)), event in zip(HEADS.items(), told, strict=True):
        assert event["time"] is not None, name
        assert event["time"] == time or not time, name
        assert (event["host"], event["pid"], event["queue_id"]) == (host, 5, ID), name
        assert (event["to"], event["reply"]) == ("ann@x.example", "250 2.0.0 OK"), name


@pytest.mark.parametrize("name", HEADS)
def test_a_whole_log_of_each(name: str) -> None:
    """Long enough to be read in bulk. Nothing is missed there: not even what left the queue."""
    head = HEADS[name][0]
    lines = "".join(f"{head}{line}\n" for line in (SMTP + DELIVERED, *OTHERS))
    assert len(lines) * 60 > 2 * parse.BULK_BYTES_MIN
    assert facts(lines * 60) == (60, 60, 60, 0, 60)


@pytest.mark.parametrize(
    "line",
    [
        f"Nov 22 09:33:50 mx1 {SMTP}[ID 197553 mail.info] {DELIVERED}",
        f"Nov 22 09:33:50 mx1 postfix/smtp: {DELIVERED}",
        f"Nov 22 09:33:50 [postfix/smtp] {DELIVERED}",
        f"Nov 22 09:33:50 mx1 {SMTP}{DELIVERED}\r",
        f"Nov 22 09:33:50 mx1 {SMTP}{DELIVERED}  ",
        f"<22>1 2026-11-22T09:33:50Z mx1 postfix/smtp - - - {DELIVERED}",
        f"<22>1 2026-11-22T09:33:50Z mx1 postfix/smtp[5] - - - {DELIVERED}",
        json.dumps({"log": f"Nov 22 09:33:50 mx1 {SMTP}{DELIVERED}\n", "stream": "stdout"}),
    ],
    ids=["Solaris", "no process", "metalog", "CRLF", "blanks", "5424 -", "5424 tag", "Docker"],
)
def test_a_delivery_all_the_same(line: str, tmp_path: Path) -> None:
    (event,) = events(tmp_path, line)
    assert event["time"] is not None
    assert event["pid"] == (5 if "[5]" in line else None)
    assert (event["instance"], event["daemon"], event["queue_id"]) == ("postfix", "smtp", ID)
    assert (event["relay_ip"], event["delay"], event["dsn"]) == ("203.0.113.5", 1.2, "2.0.0")
    assert (event["status"], event["reply"], event["counted"]) == ("sent", "250 2.0.0 OK", True)


def test_a_whole_log_of_solaris() -> None:
    lines = (SMTP + DELIVERED, *OTHERS)
    solaris = [line.replace("]: ", "]: [ID 197553 mail.info] ") for line in lines]
    chunk = "".join(f"Nov 22 09:33:50 mx1 {line}\n" for line in solaris)
    assert facts(chunk * 60) == (60, 60, 60, 0, 60)


def test_a_whole_log_with_carriage_returns() -> None:
    chunk = "".join(f"Nov 22 09:33:50 mx1 {line}\r\n" for line in (SMTP + DELIVERED, *OTHERS))
    assert facts(chunk * 60) == (60, 60, 60, 0, 60)


def test_many_message_ids_before_a_body_are_no_depth() -> None:
    """However often it stands there, it is taken away at once."""
    line = f"Nov 22 09:33:50 mx1 {SMTP}{'[ID 1 mail.info] ' * 3500}{DELIVERED}\n"
    assert len(parse.parse_chunk(line.encode()).events) == 1


@pytest.mark.parametrize("kept", ["deliverable", "undeliverable"])
def test_a_probe_whose_answer_was_not_kept_is_a_probe(kept: str, tmp_path: Path) -> None:
    line = f"Nov 22 09:33:50 mx1 {SMTP}{DELIVERED}".replace("=sent", f"={kept}-but-not-cached")
    (event,) = events(tmp_path, line)
    assert (event["status"], event["counted"]) == (f"{kept}-but-not-cached", False)
    assert parse.parse_chunk(line.encode() + b"\n").unparsed == 0


def test_numbers_beyond_all_measure_are_told_as_null(tmp_path: Path) -> None:
    line = f"Nov 22 09:33:50 mx1 {SMTP}{DELIVERED}"
    odd = line.replace("=1.2,", "=nan,").replace("=0.1/0/", "=1e999/-/")
    pid = line.replace("[5]", f"[{'9' * 5000}]")
    (event,) = events(tmp_path, odd, pid)
    assert (event["delay"], event["delays"]) == (None, [None, None, 0.5, 0.6])


@pytest.mark.parametrize(
    "relay, said",
    [
        ("mx.example.com[203.0.113.5]:25", ("mx.example.com", "203.0.113.5", 25)),
        ("mx.example.com[2001:db8::5]:2525", ("mx.example.com", "2001:db8::5", 2525)),
        ("mx.example.com[::ffff:203.0.113.5]", ("mx.example.com", "::ffff:203.0.113.5", None)),
        ("mx.example.com[private/dovecot-lmtp]", ("mx.example.com", None, None)),
        ("/var/run/dovecot/lmtp", ("/var/run/dovecot/lmtp", None, None)),
        ("mx.example.com", ("mx.example.com", None, None)),
        ("none", ("none", None, None)),
    ],
)
def test_a_relay_taken_apart(
    relay: str, said: tuple[str, str | None, int | None], tmp_path: Path
) -> None:
    """A socket's path is no address."""
    line = f"Nov 22 09:33:50 mx1 {SMTP}{DELIVERED}"
    (event,) = events(tmp_path, line.replace("mx.example.com[203.0.113.5]:25", relay))
    assert (event["relay_host"], event["relay_ip"], event["relay_port"]) == said


@pytest.mark.parametrize(
    "end, reply",
    [
        ("dsn=4.7.1, status=deferred (host mx.example.com[203.0.113.5] said: 450 4.7.1 Gr", "Gr"),
        ("status=bounced (mail for example.com loops back to myself)", "myself"),
        ("dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 (a))", "(a)"),
        ("tls=dane/verified, dsn=2.0.0, status=sent (250 :) ok, to=<x>, status=bounced)", "ced"),
    ],
    ids=["cut", "before 2.3", "parentheses", "words of others"],
)
def test_a_reply_to_its_end(end: str, reply: str, tmp_path: Path) -> None:
    head, *_ = DELIVERED.partition("dsn=")
    (event,) = events(tmp_path, f"Nov 22 09:33:50 mx1 {SMTP}{head}{end}")
    assert event["reply"].endswith(reply)
    assert (event["to"], event["counted"]) == ("ann@x.example", True)


def test_lines_without_a_fact_are_known() -> None:
    """Of old and new releases, and of one that was told to be talkative."""
    lines = (
        "smtp[5]: TLSRPT: status=success, domain=x.example, receiving_mx=mx.x.example[192.0.2.1]",
        "smtp[5]: TLS connection established to mx.x.example[192.0.2.1]: TLSv1 with cipher A",
        "smtp[5]: mx.x.example[192.0.2.1]:25: Matched subjectAltName",
        "smtp[5]: mx.x.example[192.0.2.1]:25: matched subjectAltName: mx.x.example",
        "smtp[5]: certificate peer name verification failed for mx.x.example: CommonName",
        "smtp[5]: SSL_connect:SSLv3/TLS write client hello",
        "smtp[5]: using DANE RR: _25._tcp.mx.x.example IN TLSA 3 1 1 AB",
        "smtp[5]: < mx.x.example[192.0.2.1]:25: 220 mx.x.example ESMTP",
        "smtp[5]: read from 55D2E1F0 [55D2E200] (7 bytes => -1 (0xFFFFFFFF))",
        "smtp[5]: 0000 16 03 01 00 5b 01 00 00-57 03 01",
        "smtpd[5]: > a.x.example[192.0.2.1]: 250 2.1.0 Ok",
        "smtpd[5]: TLS connection established from a.x.example[192.0.2.1]: TLSv1 with cipher A",
        "bounce[5]: 4cB1Gk2zTMz9sWZ: sender success notification: 4cB1Gk2zTMz9sWa",
    )
    chunk = "".join(f"Nov 22 09:33:50 mx1 postfix/{line}\n" for line in lines)
    parsed = parse.parse_chunk(chunk.encode())
    assert (parsed.unknown, parsed.unparsed, parsed.foreign) == ({}, 0, 0)


def test_what_other_programs_write_stays_theirs() -> None:
    foreign = (
        "Nov 22 09:33:50 mx1 dovecot: imap-login: Login: user=<u>, status=sent (x)",
        "Nov 22 09:33:50 mx1 other/smtp-proxy: A: to=<a@x.example>, relay=r, status=sent (x)",
        "Nov 22 09:33:50 [kernel] usb 1-1: new device",
        "Nov 22 09:33:50 mx1 smtp: A: to=<a@x.example>, relay=r, status=sent (x)",
    )
    parsed = parse.parse_chunk("".join(line + "\n" for line in foreign).encode())
    assert (parsed.foreign, parsed.events, parsed.unknown) == (len(foreign), [], {})
