"""Public cases of what a correct reader extracts, kept beside the project: ours against theirs.

Every case whose line is about a delivery, a refusal, the queue or a complaint must agree, or stands
below with the reason why it does not.
"""

import re
from pathlib import Path

import pytest

from agent.maillog import parse, parse_delivery
from agent.maillog.lines import Delivery, Moved, Parsed, Rejected, Reload, Trouble, event_of

HEAD = b"Nov 22 09:33:50 mx1 postfix/"
# Case -> why ours is not theirs.
DIFFERENCES: dict[str, str] = {
    "smtpd_0026": "discarded mail was accepted: it is not a refusal",
}
# Patterns that are no line of a log but a piece of one.
PIECES = ("COMMAND_COUNTER_DATA", "TLS_FEATURES")
# Programs whose lines carry nothing but complaints.
_PROGRAMS = {
    "SCRIPT": "postfix-script",
    "TRIVIAL_REWRITE": "trivial-rewrite",
    "TLSPROXY": "tlsproxy",
}
_DELIVERERS = tuple(name.decode() for name in parse_delivery.DELIVERERS)


def cases(shared: Path) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Name, program, line, expected fields."""
    found = []
    for path in sorted((shared / "data/postfix-lines").glob("*.yaml")):
        fields = read(path.read_text())
        match = re.search(r"%\{POSTFIX_(\w+)\}", fields.pop("pattern"))
        assert match is not None, path.name
        if match[1] in PIECES:
            continue
        program = _PROGRAMS.get(match[1], match[1].lower())
        line = HEAD + program.encode() + b"[7]: " + fields.pop("data").encode()
        found.append((path.stem, program, line, fields))
    return found


def read(text: str) -> dict[str, str]:
    """The keys of one small YAML file, pattern and data among them."""
    fields = {}
    for row in text.splitlines():
        key, colon, value = row.strip().partition(": ")
        if colon and not key.startswith("#"):
            if value[:1] == value[-1:] == '"' and len(value) > 1:
                value = value[1:-1].replace('\\"', '"').replace("\\r", "\r").replace("\\n", "\n")
            fields[key] = value
    return fields


def told(parsed: Parsed, program: str) -> dict[str, str]:
    """Ours in their words, as far as we keep it."""
    fields: dict[str, bytes | int] = {}
    for event in (*map(event_of, parsed.events), *parsed.probes):
        if isinstance(event, Delivery):
            fields |= {"postfix_queueid": event.queue_id, "postfix_status": event.status}
            fields[f"postfix_{program}_response"] = event.text
        elif isinstance(event, Rejected):
            fields |= {"postfix_queueid": event.queue_id, "postfix_smtp_stage": event.stage}
            fields |= {"postfix_status_code": event.refusal.code}
            fields |= {"postfix_status_code_enhanced": event.refusal.dsn}
            fields |= {"postfix_proxy_status_code": event.refusal.code}
            fields |= {"postfix_proxy_smtp_stage": event.stage}
            fields |= {"postfix_proxy_status_code_enhanced": event.refusal.dsn}
            host, _, place = event.client.partition(b"[")
            fields |= {"postfix_client_hostname": host}
            fields |= {"postfix_client_ip": place.partition(b"]")[0]}
        elif isinstance(event, Trouble):
            fields |= {"postfix_message_level": event.level, "postfix_message": event.text}
        elif isinstance(event, Moved):
            fields |= {"postfix_queueid": event.queue_id}
            fields |= {"postfix_postsuper_summary_count": event.messages}
        elif isinstance(event, Reload):
            fields |= {"is_start": str(event.is_start).encode()}
        else:
            fields |= {"postfix_queueid": event.queue_id, "postfix_status": b"expired"}
    for *_, queue_id in parsed.accepted:
        fields |= {"postfix_queueid": queue_id}
    messages = [message for message, _ in parsed.queued]
    messages += [message for message, *_ in parsed.shared]
    for message in messages:
        fields |= {"postfix_queueid": message.removeprefix(b"postfix")}
    return {
        key: value.decode() if isinstance(value, bytes) else str(value)
        for key, value in fields.items()
    }


def is_ours(program: str, line: bytes, fields: dict[str, str]) -> bool:
    """Whether the line carries a fact: all others only must be known."""
    if program in _DELIVERERS:
        return b": to=" in line
    if program == "qmgr":
        return "postfix_keyvalue_data" in fields or fields.get("postfix_status") == "expired"
    words = (b"reject: ", b"warning: ", b" -- version ", b"uid=", b": discard: ")
    return program == "postsuper" or any(word in line for word in words)


def test_public_cases_agree(shared: Path) -> None:
    found = cases(shared)
    assert len(found) > 80
    agreeing, differing = [], {}
    for name, program, line, fields in found:
        parsed = parse.parse_chunk(line.replace(b"\r\n", b"") + b"\n")
        assert not parsed.foreign, name
        if not is_ours(program, line, fields):
            continue
        ours = told(parsed, program)
        wrong = {
            key: (ours[key], value)
            for key, value in fields.items()
            if ours.get(key, value) != value
        }
        if wrong or not ours:
            differing[name] = wrong
        else:
            agreeing.append(name)
    assert differing.keys() == DIFFERENCES.keys(), differing
    assert len(agreeing) >= 35, agreeing


def test_public_lines_are_known(shared: Path) -> None:
    """None of them is counted as unknown."""
    unknown = [
        name
        for name, _, line, _ in cases(shared)
        if parse.parse_chunk(line.replace(b"\r\n", b"") + b"\n").unknown
    ]
    assert not unknown


@pytest.mark.parametrize("form", ["3164", "3339", "5424", "priority", "journal", "syslog-ng"])
def test_the_cases_in_every_form_of_time(form: str, shared: Path) -> None:
    """What stands before a line does not change what it says."""
    heads = {
        "3164": b"Nov  2 09:33:50 mx1 postfix/",
        "3339": b"2026-11-22T09:36:18.999383+00:00 mx1 postfix/",
        "5424": b"",
        "priority": b"<22>Nov 22 09:33:50 mx1 postfix/",
        "journal": b"postfix/",
        "syslog-ng": b"2013 Jun 10 06:27:30.123 mx1 postfix/",
    }
    for name, program, line, _ in cases(shared):
        body = line.partition(b"]: ")[2]
        other = heads[form] + line[len(HEAD) :]
        if form == "5424":
            other = b"<22>1 2026-11-22T09:36:18.999383Z mx1 postfix/%b 7 - - %b" % (
                program.encode(),
                body,
            )
        ours = parse.parse_chunk(other.replace(b"\r\n", b"") + b"\n")
        usual = parse.parse_chunk(line.replace(b"\r\n", b"") + b"\n")
        assert told(ours, program) == told(usual, program), name
        assert (ours.unknown, ours.unparsed, ours.foreign) == (
            usual.unknown,
            usual.unparsed,
            usual.foreign,
        ), name
