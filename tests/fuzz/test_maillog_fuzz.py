"""The reader of log lines under bytes of every kind; the long runs are `make fuzz`'s."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.maillog import parse
from tests.fuzz import maillog_targets, usual
from tests.fuzz.maillog_targets import SLOW, TARGETS

CORPUS = Path(__file__).parents[1] / "corpus/maillog/lines.tsv"
LINES = [row.split(b"\t", 1)[1] for row in CORPUS.read_bytes().splitlines()]
EVERY = TARGETS | SLOW
# Shared over the targets, in seconds; `make fuzz` takes longer.
CI_SECONDS, HERE_SECONDS = 60, 6


def cut(line: bytes, place: float) -> bytes:
    return line[: int(place * len(line))]


def spoiled(line: bytes, places: list[tuple[float, bytes]]) -> bytes:
    """With other bytes put in: NULs, half of a character, a comma…"""
    for place, piece in places:
        at = int(place * len(line))
        line = line[:at] + piece + line[at:]
    return line


ANYWHERE = st.floats(0, 1)
PIECES = st.one_of(
    st.sampled_from([b"\0", b"\xc3", b", ", b"=", b'"', b"<", b">", b": ", b"]: ", b" ", b"\r"]),
    st.sampled_from([b" status=sent (", b"to=<a@b>, ", b"postfix/smtp[1]: ", b"mx2 ", b"/"]),
    st.sampled_from([b"[ID 7 mail.info] ", b"<22>1 ", b"\r\n", b"[postfix/smtp] ", b" - ", b"]"]),
    st.binary(max_size=8),
)
ANY = st.binary(max_size=60)
WHOLE = st.sampled_from(LINES)
OF_ANOTHER_HOST = WHOLE.map(lambda line: line.replace(b" mx1 ", b" mx2 "))
# Clocks that are not set, and dates that nobody's clock says.
STAMPS = st.sampled_from(
    [
        *(b"1969-12-31T23:59:59.999999+00:00", b"1970-01-01T00:00:00+00:00"),
        *(b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59.999999+00:00"),
        *(b"Jan 01 00:00:00", b"2099-01-01T00:00:00+00:00"),
    ]
)
ODDLY_DATED = st.builds(lambda stamp, line: stamp + line[15:], STAMPS, WHOLE)
SENDER = st.text('ab.@<>=,"\t ', max_size=6).map(str.encode)
QUEUED = st.builds(
    lambda sender, size, count: (
        b"Nov 22 09:33:50 mx1 postfix/qmgr[7]: 4cB1Gk2zTMz9sWZ: from=<%b>, size=%d, nrcpt=%d"
        b" (queue active)" % (sender, size, count)
    ),
    *(SENDER, st.integers(0, 10**13), st.integers(0, 3)),
)
HALF = st.builds(cut, WHOLE, ANYWHERE)
SPOILED = st.builds(spoiled, WHOLE, st.lists(st.tuples(ANYWHERE, PIECES), max_size=3))
TORN = st.builds(lambda first, second: first + second, HALF, WHOLE)
LOGS = st.lists(
    st.one_of(WHOLE, OF_ANOTHER_HOST, HALF, SPOILED, TORN, ODDLY_DATED, QUEUED, ANY), max_size=12
).map(b"\n".join)


@pytest.mark.parametrize("target", sorted(EVERY))
@settings(max_examples=150, deadline=None)
@given(log=LOGS)
def test_mutilated_logs(target: str, log: bytes) -> None:
    EVERY[target](log)


@pytest.mark.parametrize("target", sorted(EVERY))
@settings(max_examples=100, deadline=None)
@given(log=st.binary(max_size=500))
def test_any_bytes(target: str, log: bytes) -> None:
    EVERY[target](log)


@pytest.mark.parametrize(
    "piece",
    [b"x", b"\0", b" ", b'"', b"<", b", a=", b"postfix/smtp[1]: ", b"\xc3", b"to=<", b"reject: "],
    ids=repr,
)
@pytest.mark.parametrize("head", [b"", LINES[0], LINES[0][:90], LINES[0][:60]], ids=len)
def test_a_line_of_ten_megabytes_costs_no_memory_and_no_time(piece: bytes, head: bytes) -> None:
    """Beyond the line itself there is no more than the splitting of the chunk takes."""
    line = head + piece * (10_000_000 // len(piece))
    chunk = LINES[0] + b"\n" + line + b"\n" + LINES[1] + b"\n"
    tracemalloc.start()
    try:
        parsed = parse.parse_chunk(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(parsed.events) == 2
    assert peak < 2.5 * len(line)


@pytest.mark.parametrize("piece", [b'"', b"<", b", a=", b"to=<", b'\\"', b" from [", b"; to=<"])
@pytest.mark.parametrize("daemon", [b"smtp", b"smtpd", b"qmgr", b"cleanup", b"postscreen"])
def test_the_longest_lines_are_read_in_time(piece: bytes, daemon: bytes) -> None:
    """No pattern goes over a line again and again; the suite's time limit would tell."""
    head = b"Nov 22 09:33:50 mx1 postfix/" + daemon + b"[7]: 4cB1Gk2zTMz9sWZ: "
    for verb in (b"to=<", b"from=<", b"reject: RCPT from ", b"reject: header "):
        line = head + verb + piece * ((parse.LINE_BYTES_MAX - 200) // len(piece))
        assert maillog_targets.said(parse.parse_chunk(line + b"\n")) <= 1
        parse.parse_chunk(usual.BULK + line + b" (queue active)\n")


def test_atheris_finds_nothing(tmp_path: Path) -> None:
    """Coverage-guided, with the corpus to begin with."""
    pytest.importorskip("atheris", reason="no wheel of atheris for this Python: not fuzzed by it")
    seconds = CI_SECONDS if os.environ.get("CI") else HERE_SECONDS
    command = [sys.executable, "-m", "tests.fuzz.run", "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)], capture_output=True, timeout=seconds + 50
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.count(b"runs") == len(TARGETS), done.stdout


test_atheris_finds_nothing = pytest.mark.timeout(CI_SECONDS + 60)(test_atheris_finds_nothing)


def test_a_priority_and_no_time() -> None:
    line = b"<22>postfix/smtp[5]: 7EE668039: to=<u@x.example>, relay=none, status=deferred (no)"
    maillog_targets.agrees_with_oracle(line)
    (told,) = maillog_targets.told(parse.parse_chunk(line))
    assert told.instance == b"postfix"
