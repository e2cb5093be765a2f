"""Any text at all: classified and shown without harm, within bounds, always the same."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deliverability import receivers, replies, replies_explain, replies_rules
from deliverability.replies import Fault, Outcome, ReplyClass, classify, fault_of, redact

RECEIVERS = st.one_of(
    st.sampled_from(sorted(receivers.KNOWN | receivers.RESERVED)), st.text(max_size=20)
)
PIECES = [
    *(b"host mx[192.0.2.1] said: ", b"550 ", b"550-", b"5.7.1 ", b"421-4.7.28 ", b"<", b">", b"@"),
    *(b"[", b"]", b" - gsmtp", b" (in reply to RCPT TO command)", b"blocked using ", b"spam "),
    *(b"user unknown ", b"[TSS04] ", b"\xff", b"\x00", b" ", b"#5.1.1", b"\xe2\x80\xae", b'"'),
]
WORDS = [
    f"{alternative.replace('*', 'x')} ".encode()
    for row in replies_rules.read(3)
    for alternative in row[2].split(" | ")
]
TEXTS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    st.lists(st.sampled_from(PIECES[1:5] + WORDS), max_size=6).map(b"".join),
)
DSN = st.one_of(st.sampled_from([b"5.7.1", b"4.0.0", b"5.1.1", b""]), st.binary(max_size=8))


@given(RECEIVERS, st.sampled_from(Outcome), DSN, TEXTS)
@example("google", Outcome.BOUNCED, b"5.7.1", b"host " + b"] said: ")
def test_any_text_has_one_class(receiver: str, outcome: Outcome, dsn: bytes, text: bytes) -> None:
    """Whatever was asked before, and whether it is remembered or not."""
    first = classify(receiver=receiver, outcome=outcome, dsn=dsn, text=text)
    replies._classify.cache_clear()
    assert classify(receiver=receiver, outcome=outcome, dsn=dsn, text=text) is first
    assert isinstance(fault_of(first), Fault)
    if outcome is Outcome.OURS:
        assert first is ReplyClass.LOCAL
    if outcome is Outcome.EXPIRED:
        assert first is ReplyClass.EXPIRED


@given(RECEIVERS, DSN, TEXTS)
def test_the_index_finds_what_reading_row_by_row_finds(
    receiver: str, dsn: bytes, text: bytes
) -> None:
    reply = replies.essence(text)
    found = replies_rules.rule_for(receiver, reply, dsn=dsn)
    assert (found.row if found else None) == _row_by_row(receiver, reply, dsn=dsn)


def _row_by_row(receiver: str, reply: bytes, *, dsn: bytes) -> int | None:
    codes = replies_rules.codes_of(reply, dsn=dsn)
    said = replies_rules.plain(replies_rules._one_line(reply, codes)).decode("latin-1")
    subject, _, detail = codes.enhanced.rpartition(".")
    wanted = {"", codes.smtp, (codes.smtp or codes.enhanced)[:1]}
    if detail:
        wanted |= {codes.enhanced, f"x{codes.enhanced[1:]}", subject, f"x{subject[1:]}"}
    for number, (of, code, words, _) in enumerate(replies_rules.read(4)):
        if of in {receiver, replies_rules.ANY} and code in wanted:
            for alternative in words.split(" | "):
                if _in_order(said, alternative.split(" * ")):
                    return number
    return None


def _in_order(said: str, fragments: list[str]) -> bool:
    for fragment in fragments:
        if not fragment:
            continue
        place = said.find(f" {fragment} ")
        if place < 0:
            return False
        said = said[place + len(fragment) + 1 :]
    return True


@pytest.mark.parametrize(
    "text",
    [
        b"a" * 10_000_000,
        b"user unknown spam " * 200_000,
        b"host " + b"] said" * 500_000,
        b"550 " + b"5." * 1_000_000,
        b"550-" + b" 550-" * 500_000,
        b"<" * 500_000 + b"@" * 500_000 + b">",
        b"[" * 1_000_000 + b"] (in reply to ",
        b'"' * 1_000_000 + b'"@',
        b"(#5.1" * 500_000,
        bytes(range(256)) * 4_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_long_and_hostile_texts_cost_little(text: bytes) -> None:
    start = time.process_time()
    for _ in range(5):
        classify(receiver="google", outcome=Outcome.BOUNCED, dsn=b"5.0.0", text=text)
        assert len(redact(text, recipient=text[:400])) <= replies.REDACTED_LENGTH_MAX
        replies_explain.explain(text.decode("latin-1"))
        replies._classify.cache_clear()
    assert time.process_time() - start < 2.5


def test_what_is_remembered_is_bounded() -> None:
    for number in range(replies.KEPT_MAX * 2):
        text = b"550 %d " % number + b"x" * 5000
        classify(receiver="google", outcome=Outcome.BOUNCED, dsn=b"5.0.0", text=text)
    assert replies._classify.cache_info().currsize == replies.KEPT_MAX
    assert len(replies.essence(b"x" * 5000)) == replies.TEXT_BYTES_MAX


@pytest.mark.parametrize(
    "one, other",
    [
        (
            b"host mx1.x.example[192.0.2.1] said: 450 <a@x.example>: no (in reply to RCPT TO)",
            b"host mx2.x.example[192.0.2.2] said: 450 <other@x.example>: no (in reply to RCPT TO)",
        ),
        (
            b"host a[b] refused to talk to me: 550 no x12si34567wmj.7 - gsmtp",
            b"host c[d] refused to talk to me: 550 no qc12si8475009pab.211 - gsmtp",
        ),
        (
            b"550 no (S3150). [DB8EUR05FT060.eop.outlook.com 2026-10-01] (in reply to MAIL FROM)",
            b"550 no (S3150). [BN8NAM11FT050.eop.outlook.com 2026-10-02] (in reply to MAIL FROM)",
        ),
    ],
)
def test_one_reply_to_many_messages_is_one_reply(one: bytes, other: bytes) -> None:
    assert replies.essence(one) == replies.essence(other)
    assert b"no" in replies.essence(one)


@pytest.mark.parametrize(
    "text, shown",
    [
        (b"550 5.1.1 <joe.doe@x.example>: unknown", "550 5.1.1 <***@x.example>: unknown"),
        (b"550 joe+tag@x.example, ann@y.example", "550 ***@x.example, ***@y.example"),
        (b'550 <"joe doe, jr"@x.example>', "550 <***@x.example>"),
        (b'550 joe"@x.example', "550 ***@x.example"),
        (b"mailto:joe@x.example", "mailto:***@x.example"),
        (b"see http://x.example/?e=joe%40y.example", "see http:***@y.example"),
        (b"a@b@c.example", "***@***@c.example"),
        (b"user @ work", "user @ work"),
        ("550 <jörg@x.example>".encode(), "550 <***@x.example>"),
        (b'unknown user: "joe"', "unknown user: ***"),
        (b"550 \x1b[31m\x00 \xff \xe2\x80\xae \xc3", "550 ?[31m? ? ? ?"),
        ("551 größer".encode(), "551 größer"),
        (b"", ""),
    ],
)
def test_redacted(text: bytes, shown: str) -> None:
    assert redact(text) == shown


def test_the_recipients_name_is_hidden_also_alone() -> None:
    text = b"550 Joe.Doe (joe.doe) not listed; joe.doey is; JOE.DOE@x.example"
    shown = redact(text, recipient=b"joe.doe@x.example")
    assert shown == "550 *** (***) not listed; joe.doey is; ***@x.example"
    assert redact(b"550 a b", recipient=b"a@x.example") == "550 a b"


@given(st.lists(st.sampled_from(["secret", " ", "x", "<", ">", ".", "=", "é"]), max_size=300))
@example(["x "] * 100 + ["secret"] * 300)
def test_no_name_before_an_at_sign_is_shown(pieces: list[str]) -> None:
    text = "".join(piece + "@" if piece == "secret" else piece for piece in pieces)
    shown = redact(text.encode())
    assert "secret" not in shown
    assert len(shown) <= replies.REDACTED_LENGTH_MAX
    assert shown.isprintable()
