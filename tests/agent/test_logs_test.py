"""`mailfleet-agent logs-test`: what it says of logs, however they are handed to it."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.maillog.parse import LINE_BYTES_MAX
from demo import grammar
from tests.maillog_bed import Log

CORPUS = Path(__file__).parents[1] / "corpus/maillog/lines.tsv"
SENT = (
    b"2026-11-22T09:36:18.999383+00:00 mx1 postfix-out/smtp[1701]: 4cB1Gk2zTMz9sWZ: "
    b"to=<ann@x.example>, orig_to=<root>, relay=aspmx.l.google.com[142.250.27.26]:25, delay=1.2, "
    b"delays=0.08/0.01/0.4/0.7, dsn=2.0.0, status=sent (250 2.0.0 OK)\n"
)


def run(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "agent", "logs-test", *words]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)


def told(*words: str, stdin: bytes = b"") -> Any:
    done = run(*words, "-o", "json", stdin=stdin)
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log(tmp_path / "mail.log")
    log.write(300)
    return log


def test_totals_of_a_file_and_of_its_gzipped_self_and_of_standard_input(log: Log) -> None:
    packed = log.path.with_name("mail.log.1.gz")
    packed.write_bytes(gzip.compress(log.path.read_bytes()))
    plain = told(str(log.path))
    by_receiver: dict[str, int] = {}
    by_status: dict[str, int] = {}
    for (receiver, status), count in log.truth.items():
        by_receiver[receiver] = by_receiver.get(receiver, 0) + count
        by_status[status] = by_status.get(status, 0) + count
    assert plain["by_status"] == by_status
    assert plain["by_receiver"] == by_receiver
    assert (plain["lines"], plain["unparsed"], plain["counted"]) == (600, 0, 300)
    volatile = ("files", "seconds", "lines_per_second")
    for other in (told(str(packed)), told("-", stdin=log.path.read_bytes())):
        assert {k: v for k, v in other.items() if k not in volatile} == {
            k: v for k, v in plain.items() if k not in volatile
        }


def test_several_files_are_one_account(log: Log) -> None:
    assert told(str(log.path), str(log.path))["deliveries"] == 600


def test_the_table_says_what_was_found(log: Log) -> None:
    lines = run(str(log.path)).stdout.decode().splitlines()
    assert "300 deliveries, 300 of them count at a receiver" in lines
    assert "0 lines of Postfix not understood (0.000%)" in lines
    assert any(line.split() == ["180", "sent"] for line in lines)


def test_one_object_for_each_delivery_line() -> None:
    lines = [row.split(b"\t", 1) for row in CORPUS.read_bytes().splitlines()]
    done = run("-", "--events", stdin=b"".join(line + b"\n" for _, line in lines))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    outcomes = {b"sent", b"deferred", b"bounced", b"expired", b"ours"}
    expected = [line for kind, line in lines if kind.split()[0] in outcomes]
    probes = [line for _, line in lines if b"deliverable (" in line]
    assert len(events) == len(expected) + len(probes) > 50
    assert [event["status"] for event in events if "deliverable" in event["status"]] == [
        "deliverable",
        "undeliverable",
    ]


def test_the_fields_of_an_event() -> None:
    (line,) = run("-", "--events", stdin=SENT).stdout.splitlines()
    assert json.loads(line) == {
        "time": "2026-11-22T09:36:18.999383+00:00",
        "host": "mx1",
        "instance": "postfix-out",
        "daemon": "smtp",
        "pid": 1701,
        "queue_id": "4cB1Gk2zTMz9sWZ",
        "to": "ann@x.example",
        "orig_to": "root",
        "relay_host": "aspmx.l.google.com",
        "relay_ip": "142.250.27.26",
        "relay_port": 25,
        "delay": 1.2,
        "delays": [0.08, 0.01, 0.4, 0.7],
        "dsn": "2.0.0",
        "status": "sent",
        "reply": "250 2.0.0 OK",
        "class": None,
        "receiver": "google",
        "counted": True,
    }


@pytest.mark.parametrize(
    "before, after",
    [
        (b"status=sent (250 2.0.0 OK)", b"status=deliverable (250 2.0.0 OK)"),
        (b"smtp[1701]", b"retry[1701]"),
        (
            b"aspmx.l.google.com[142.250.27.26]:25",
            b"127.0.0.1[127.0.0.1]:10024",
        ),
        (
            b"status=sent (250 2.0.0 OK)",
            b"status=deferred (delivery temporarily suspended: connect to x: refused)",
        ),
    ],
    ids=["probe", "retry", "content filter", "suspended"],
)
def test_what_is_nobodys_attempt_does_not_count(before: bytes, after: bytes) -> None:
    (line,) = run("-", "--events", stdin=SENT.replace(before, after)).stdout.splitlines()
    assert json.loads(line)["counted"] is False


def test_what_is_not_understood_is_counted_and_shown_without_names() -> None:
    odd = b"Nov 22 09:33:50 mx1 postfix/smtpd[7]: a thing about ann@x.example nobody knows\n"
    found = told("-", stdin=SENT + odd + SENT.replace(b"=sent", b"=teleported"))
    assert (found["unparsed"], found["unparsed_deliveries"]) == (2, 1)
    assert found["unparsed_share"] == pytest.approx(2 / 3)
    assert found["unknown_by_daemon"] == {"smtpd": 1}
    assert "ann" not in found["newest_unknown"][0]
    assert "nobody knows" in found["newest_unknown"][0]


def test_a_line_without_end_costs_no_memory_and_no_neighbour() -> None:
    found = told("-", stdin=SENT + b"x" * (40 * LINE_BYTES_MAX) + b"\n" + SENT)
    assert (found["lines"], found["overlong"], found["deliveries"]) == (3, 1, 2)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for name, words in (("none", b"No such file"), (".", b"Is a directory")):
        done = run(str(tmp_path / name))
        assert (done.returncode, words in done.stderr, done.stdout) == (1, True, b"")
    empty = run("/dev/null")
    assert (empty.returncode, empty.stdout[:7]) == (0, b"0 lines")


def test_what_can_be_read_is_counted_all_the_same(tmp_path: Path) -> None:
    """A damaged file as far as it goes, a missing one not, and whatever stands beside them."""
    lines = b"".join(SENT.replace(b"[7]", b"[%d]" % number) for number in range(9000))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(lines)[:-3000])
    (tmp_path / "whole").write_bytes(SENT * 5)
    names = [str(tmp_path / name) for name in ("cut.gz", "none", "whole")]
    done = run(*names, "-o", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert b"damaged" in done.stderr
    assert len(found["problems"]) == 2
    assert 5 < found["lines"] < 9005
    events = run(*names, "--events")
    assert (events.returncode, len(events.stdout.splitlines())) == (1, found["deliveries"])


def test_a_message_that_expired_is_an_event_without_a_recipient() -> None:
    voice, message = grammar.Voice(), grammar.Message(queue_id="ABC1", sender="", message_id="1")
    line = grammar.qmgr_expired(voice, Log(Path("unused")).at, message=message)
    by_hand = line.replace(b"=expired", b"=force-expired")
    told = run("-", "--events", stdin=line + by_hand).stdout.splitlines()
    said, forced = map(json.loads, told)
    assert (said["status"], said["to"], said["queue_id"]) == ("expired", None, "ABC1")
    assert {**said, "status": "force-expired"} == forced


def test_the_journals_entries_are_lines_too() -> None:
    """journalctl -o json."""
    entry = {
        "__CURSOR": "s=1",
        "__REALTIME_TIMESTAMP": "1795340178000000",
        "SYSLOG_IDENTIFIER": "postfix/smtp",
        "SYSLOG_PID": "7",
        "_HOSTNAME": "mx1",
        "MESSAGE": SENT.partition(b"]: ")[2].strip().decode(),
    }
    stdin = b"".join(json.dumps(one).encode() + b"\n" for one in (entry, entry, {"other": 1}))
    found = told("-", stdin=stdin)
    assert (found["lines"], found["deliveries"], found["by_host"]) == (3, 2, {"mx1": 2})
    first, _ = run("-", "--events", stdin=stdin).stdout.splitlines()
    said = json.loads(first)
    assert (said["time"], said["pid"]) == ("2026-11-22T09:36:18+00:00", 7)


@pytest.mark.parametrize(
    "head, host",
    [
        ("Nov 22 09:33:50 mx1", "mx1"),
        ("Nov 22 09:33:50 mx1.shop.example", "mx1.shop.example"),
        ("Nov 22 09:33:50", ""),
        ("2026-11-22T09:33:50.123456+00:00", ""),
        ("Nov 22 09:33:50 mx1 mail.info", "mx1"),
        ("Nov 22 09:33:50 2001:db8::7", "2001:db8::7"),
        ("2026-11-22 09:33:50 mx1", "mx1"),
    ],
)
def test_the_host_of_a_line(head: str, host: str) -> None:
    body = SENT[SENT.index(b"postfix") :].decode()
    (event,) = run("-", "--events", stdin=f"{head} {body}".encode()).stdout.splitlines()
    said = json.loads(event)
    assert (said["host"], said["time"] is None) == (host, False)
