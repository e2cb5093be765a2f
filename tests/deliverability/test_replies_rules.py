"""The order of the rules, the codes, and the form of the table."""

import re
from datetime import date

import pytest

from deliverability import receivers, replies_rules
from deliverability.replies import Outcome, ReplyClass, classify
from deliverability.replies_rules import Codes

CODE = re.compile(r"|[45]|[2-5]\d\d|[45x]\.\d(\.\d{1,3})?")
WORDS = re.compile(r"[a-z0-9]+( (\* )?[a-z0-9]+)*")
COLUMNS = ["receiver", "code", "words", "class", "meaning", "remedy", "source", "dated"]

# FACTS of the trade: what a code says when no pattern fits. {}: 4 and 5 alike.
BY_CODE = {
    **dict.fromkeys(("{}.1.1", "{}.1.2", "{}.1.3", "{}.1.4", "{}.2.4"), "invalid_recipient"),
    **dict.fromkeys(("{}.1.10", "{}.7.18"), "bad_domain"),
    **dict.fromkeys(("{}.1.6", "{}.2.1", "{}.7.13"), "inactive"),
    **dict.fromkeys(("{}.1.7", "{}.1.8", "{}.7.27"), "sender_auth"),
    **dict.fromkeys(("{}.2.2", "{}.3.1", "{}.3.4"), "mailbox_full"),
    **dict.fromkeys(("{}.4.1", "{}.4.2", "{}.4.4", "{}.4.6"), "network"),
    **dict.fromkeys(("{}.4.3",), "dns"),
    **dict.fromkeys(("{}.4.7",), "expired"),
    **dict.fromkeys(("{}.5.0", "{}.5.1", "{}.5.2", "{}.5.6", "{}.6.0", "{}.6.7"), "protocol"),
    **dict.fromkeys(("{}.7.0", "{}.7.1", "{}.7.2", "{}.7.8", "{}.7.99"), "policy"),
    **dict.fromkeys(("{}.7.20", "{}.7.23", "{}.7.25", "{}.7.26"), "sender_auth"),
    **dict.fromkeys(("{}.7.28",), "rate_limited"),
    **dict.fromkeys(("{}.7.10",), "tls"),
    **dict.fromkeys(("{}.7.17",), "invalid_recipient"),
    **dict.fromkeys(("{}.0.0",), "unknown"),
}


def said(text: str, *, receiver: str = "firm.example", dsn: str = "5.0.0") -> str:
    outcome = Outcome.DEFERRED if dsn.startswith("4") else Outcome.BOUNCED
    return classify(receiver=receiver, outcome=outcome, dsn=dsn.encode(), text=text.encode()).value


@pytest.mark.parametrize("first", "45")
@pytest.mark.parametrize("code", BY_CODE)
def test_a_code_alone(code: str, first: str) -> None:
    full = code.format(first)
    assert said(f"host mx[192.0.2.1] said: {first}50 {full} Xyzzy", dsn=full) == BY_CODE[code]
    assert said("Xyzzy", dsn=full) == BY_CODE[code]


@pytest.mark.parametrize(
    "text, receiver, dsn, expected",
    [
        # A receiver's own pattern before the code, the code before what texts say in general.
        ("550 5.1.1 inactive email address", "apple", "5.1.1", "inactive"),
        ("550 5.1.1 inactive email address", "firm.example", "5.1.1", "invalid_recipient"),
        ("550 5.7.1 part of their network (S3150)", "microsoft", "5.7.1", "reputation_block"),
        ("550 5.7.1 part of their network (S3150)", "firm.example", "5.7.1", "policy"),
        ("550 5.7.1 blocked using zen.spamhaus.org", "firm.example", "5.7.1", "reputation_block"),
        ("550 5.7.1 blocked using zen.spamhaus.org", "google", "5.7.1", "reputation_block"),
        ("550 5.4.1 Recipient address rejected: Access denied", "microsoft", "5.4.1",
         "invalid_recipient"),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", "microsoft", "5.1.10", "invalid_recipient"),
        ("550 5.1.10 has a null MX", "firm.example", "5.1.10", "bad_domain"),
        # The remote's own code counts, wherever it stands; no address or version is one.
        ("550 User (#5.2.2)", "firm.example", "5.0.0", "mailbox_full"),
        ("550 5.1.1 Xyzzy", "firm.example", "5.7.1", "invalid_recipient"),
        ("550 Xyzzy 5.2.2", "firm.example", "5.1.1", "mailbox_full"),
        ("550 Xyzzy 5.2.2.5 v5.2.2 4.16.55", "firm.example", "5.1.1", "invalid_recipient"),
        ("Xyzzy 5.2.2", "firm.example", "5.1.1", "invalid_recipient"),
        # Words are whole words, in their order.
        ("550 spamhausen", "firm.example", "5.0.0", "unknown"),
        ("550 host Xyzzy name service not found error", "firm.example", "5.0.0", "unknown"),
        # A phrase goes on over the lines of a reply, and codes are no words of it.
        ("550-5.7.1 this is likely 550-5.7.1 unsolicited 550 5.7.1 mail", "google", "5.7.1",
         "content"),
        ("554-no 554 smtp 554-service", "gmx", "5.0.0", "reputation_block"),
        # Greylisting is temporary.
        ("450 4.7.1 Greylisted", "firm.example", "4.7.1", "greylist"),
        ("550 5.7.1 Greylisted", "firm.example", "5.7.1", "policy"),
        # The last resort is SMTP's own code.
        ("421 Xyzzy", "firm.example", "4.0.0", "network"),
        ("552 Xyzzy", "firm.example", "5.0.0", "mailbox_full"),
        ("553 Xyzzy", "firm.example", "5.0.0", "invalid_recipient"),
        ("556 Xyzzy", "firm.example", "5.0.0", "bad_domain"),
        ("550 Xyzzy", "firm.example", "5.0.0", "unknown"),
        ("", "firm.example", "", "unknown"),
    ],
)  # fmt: skip
def test_what_decides(text: str, receiver: str, dsn: str, expected: str) -> None:
    assert said(text, receiver=receiver, dsn=dsn) == expected


@pytest.mark.parametrize(
    "reply, dsn, expected",
    [
        (b"421-4.7.28 x", b"", Codes("421", "4.7.28")),
        (b"550 5.1.1 x", b"5.7.1", Codes("550", "5.1.1")),
        (b"550 #5.1.0 x", b"5.0.0", Codes("550", "5.1.0")),
        (b"550 x", b"5.0.0", Codes("550", "5.0.0")),
        (b"550 x (#5.1.1)", b"5.0.0", Codes("550", "5.1.1")),
        (b"550 5.1.1.9 x", b"5.0.0", Codes("550", "5.0.0")),
        (b"550", b"", Codes("550", "")),
        (b"5500 x", b"5.0.0", Codes("", "5.0.0")),
        (b"connect to mx: 550 5.1.1", b"4.4.1", Codes("", "4.4.1")),
        (b"", b"\xff", Codes("", "")),
        (b"", b"5.1.1 ", Codes("", "")),
    ],
)
def test_the_codes(reply: bytes, dsn: bytes, expected: Codes) -> None:
    assert replies_rules.codes_of(reply, dsn=dsn) == expected


def test_the_form_of_the_table() -> None:
    rows = list(replies_rules.read(len(COLUMNS)))
    assert len(rows) > 200
    seen = []
    for row in rows:
        receiver, code, words, name, meaning, remedy, source, dated = row
        assert receiver == replies_rules.ANY or receiver in receivers.KNOWN, row
        assert CODE.fullmatch(code), row
        for alternative in words.split(" | ") if words else ():
            assert WORDS.fullmatch(alternative), (alternative, row)
        assert code or words, row
        assert name in {each.value for each in ReplyClass}, row
        assert meaning, row
        assert not meaning.endswith("."), row
        assert not remedy.endswith("."), row
        assert source, row
        assert date(2026, 1, 1) <= date.fromisoformat(dated), row
        seen.append((receiver, code, words))
    assert len(set(seen)) == len(seen)
    of = [row[0] for row in rows]
    assert of.index(replies_rules.ANY) == len(of) - of.count(replies_rules.ANY), "own rows first"
    assert set(of) == {*receivers.KNOWN, replies_rules.ANY}


def _fitting(code: str, words: str) -> tuple[bytes, bytes]:
    """The plainest reply that fulfils a condition, and its dsn."""
    if len(code) == 3 and code.isdigit():
        return f"{code} {words}".encode(), f"{code[0]}.0.0".encode()
    enhanced = (code.replace("x", "5") or "5") + (".0.0", ".0", "")[code.count(".")]
    return f"{enhanced[0]}50 {words}".encode(), enhanced.encode()


def test_every_alternative_can_decide() -> None:
    """No earlier row takes away all that a later one could fit."""
    for number, (receiver, code, words, _) in enumerate(replies_rules.read(4)):
        for alternative in words.split(" | "):
            reply, dsn = _fitting(code, alternative.replace(" *", ""))
            rule = replies_rules.rule_for(receiver, reply, dsn=dsn)
            assert rule is not None, (receiver, code, alternative)
            assert rule.row == number, (receiver, code, alternative, rule)
