"""What was sent is counted by a shorter way among many lines: the same comes of it."""

from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.maillog import parse
from agent.maillog.tally import Known
from tests.agent.test_maillog_tally import START, line, own, tally

CORPUS = Path(__file__).parents[1] / "corpus/maillog/lines.tsv"
LINES = [row.split(b"\t", 1)[1] + b"\n" for row in CORPUS.read_bytes().splitlines()]
USUAL = [
    line(),
    line("other.google.com[142.250.27.27]:25"),
    line("mx.firm.example[203.0.113.1]:25", at="09:01:00"),
    line("mx.firm.example[203.0.113.2]:25"),
    line("mx.firm.example[127.0.0.1]:25"),
    line("mx.firm.example[/a/socket]"),
    line("local", tag="postfix/local"),
    line("uucp", tag="postfix/pipe"),
    line("x[y]", tag="postfix/pipe"),
    line("none", tag="postfix/retry"),
    line("[203.0.113.9]:25", tag="out/smtp", to="x@stranger.example"),
    line("[203.0.113.9]:25", tag="out/smtp", to="y@other.example"),
    line(delays="0.1/0.2/0.3"),
    line(status="deferred", dsn="4.7.0", text="421 later"),
    line(status="bounced", dsn="5.1.1", text="550 no such user", to="c@b.example"),
    own("4cB1Gk2zTMz9sWZ: from=<n@shop.example>, size=4711, nrcpt=2 (queue active)"),
    own("4cB1Gk2zTMz9sWZ: removed"),
    own("4cB1Gk2zTMz9sWZ: client=a[203.0.113.9], sasl_username=x", tag="postfix/smtpd"),
    own("4cB1Gk2zTMz9sWZ: client=a[203.0.113.9], orig_queue_id=1", tag="postfix/smtpd"),
]


@given(
    lines=st.lists(st.sampled_from(USUAL + LINES), max_size=40),
    pipes_out=st.sampled_from([frozenset[bytes](), frozenset({b"uucp", b"x[y]"})]),
    blind_until=st.sampled_from([None, START - timedelta(seconds=1)]),
)
def test_what_was_sent_counts_the_same_by_the_shorter_way(
    lines: list[bytes], pipes_out: frozenset[bytes], blind_until: datetime | None
) -> None:
    among = b"".join(USUAL[:2] * 20 + lines)
    assert len(among) > parse.BULK_BYTES_MIN
    mine, slow = (tally(Known(blind_until=blind_until), pipes_out=pipes_out) for _ in "ab")
    mine.fold(parse.parse_counted(among))
    slow.fold(parse.parse_chunk(among))
    assert mine.counted() == slow.counted()
