"""Replies as receivers give them: `replies.tsv` beside this file, each with its class."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from deliverability import receivers, replies, replies_rules
from deliverability.replies import Outcome, ReplyClass, classify

STRANGER = "firm.example"


class Said(NamedTuple):
    receiver: str
    reply_class: str
    dsn: str
    text: str


def _read() -> list[Said]:
    lines = (Path(__file__).parent / "replies.tsv").read_text().splitlines()[1:]
    return [Said(*line.split("\t")) for line in lines]


SAID = _read()


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said.receiver}-{said.text[-60:]}")
def test_the_class_of_a_reply(said: Said) -> None:
    receiver = STRANGER if said.receiver == replies_rules.ANY else said.receiver
    found = classify(
        receiver=receiver,
        outcome=Outcome.BOUNCED if said.dsn.startswith("5") else Outcome.DEFERRED,
        dsn=said.dsn.encode(),
        text=said.text.encode(),
    )
    assert found is ReplyClass(said.reply_class)


def test_every_class_and_every_receiver_has_several() -> None:
    classes = Counter(said.reply_class for said in SAID)
    assert classes.keys() == {each.value for each in ReplyClass}
    assert min(classes[each] for each in classes if each not in {"expired", "unknown"}) >= 3
    by_receiver = Counter(said.receiver for said in SAID)
    assert by_receiver.keys() >= receivers.KNOWN
    assert min(by_receiver[each] for each in receivers.KNOWN) >= 5


def test_no_receivers_text_is_cut_before_it_is_understood() -> None:
    assert max(len(said.text) for said in SAID) < replies.TEXT_BYTES_MAX


@pytest.mark.parametrize(
    "text",
    [
        "lost connection with mx.firm.example[192.0.2.1] while sending MAIL FROM",
        "conversation with mx.firm.example[192.0.2.1] timed out while sending RCPT TO",
        "connect to mx.firm.example[192.0.2.1]: No route to host (port 25)",
    ],
)
def test_a_deferral_of_a_postfix_that_names_no_dsn_is_one_for_now(text: str) -> None:
    found = classify(receiver=STRANGER, outcome=Outcome.DEFERRED, dsn=b"", text=text.encode())
    assert found is ReplyClass.NETWORK
