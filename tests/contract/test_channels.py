"""Every way to tell people, against real receivers: what arrives, and what each failure becomes."""

import asyncio
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme

from collector.adapters import notify
from collector.adapters.notify import post, smtp
from collector.core.channels import Apprise, Secret, Settings, Smtp, Webhook
from collector.core.notice import Occasion
from collector.ports_notify import Channel, ChannelError
from tests.core.fleet import NOON
from tests.core.said import notice
from tests.notify_bed import FLEET, Receiver, Sink, around, receiving, sinking

KEY = Secret("a very good key")


def built(settings: Settings, secret: Secret | None = KEY, *ours: str) -> Channel:
    return notify.build(settings, secret, around=around(*ours))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with sinking() as found:
        yield found


def mail(port: int, **changes: Any) -> Smtp:
    values: dict[str, Any] = {
        "name": "ops",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "mailfleet@fleet.test",
        "to": ("ops@example.net", "boss@example.net"),
    }
    return Smtp(**{**values, **changes})


async def test_a_webhook_is_signed_and_names_its_key(receiver: Receiver) -> None:
    channel = built(Webhook(name="w", url=receiver.url + "/in"))
    assert await channel.send(notice()) == "200 as [31m you like"
    (head,), (body,), (said,) = receiver.heads, receiver.bodies, receiver.said
    assert head["Idempotency-Key"] == said["key"] == notice().key
    stamp = head["X-Mailfleet-Timestamp"]
    assert abs(int(stamp) - time.time()) < 60
    expected = hmac.new(b"a very good key", f"{stamp}.".encode() + body, hashlib.sha256)
    assert head["X-Mailfleet-Signature"] == f"sha256={expected.hexdigest()}"
    assert (said["schema"], said["fleet"], said["alert"]) == (1, FLEET, "infrastructure-critical")
    assert (said["event"], said["severity"], said["incident"]) == ("opened", "high", 1)
    assert said["what"] == list(notice().what)


async def test_a_webhook_without_secret_is_not_signed(receiver: Receiver) -> None:
    await built(Webhook(name="w", url=receiver.url), None).send(notice(is_critical=False))
    assert "X-Mailfleet-Signature" not in receiver.heads[0]
    assert receiver.said[0]["alert"] == "listed"


@pytest.mark.parametrize(
    ("mood", "retryable", "said"),
    [
        (500, True, "answered 500 as [31m you like"),
        (429, True, "answered 429"),
        (401, True, "answered 401"),
        (404, True, "answered 404"),
        (400, False, "answered 400"),
        (422, False, "answered 422"),
        ("redirect", True, "redirects (307): refused"),
        ("drop", True, "it closed the connection"),
    ],
)
async def test_what_a_webhook_answers_decides_whether_it_is_tried_again(
    receiver: Receiver, mood: int | str, retryable: bool, said: str
) -> None:
    receiver.mood = mood
    with pytest.raises(ChannelError, match=r"127\.0\.0\.1") as failure:
        await built(Webhook(name="w", url=receiver.url + "/secret-path")).send(notice())
    assert failure.value.retryable is retryable
    assert said in str(failure.value)
    assert "secret-path" not in str(failure.value)
    assert receiver.asked == 1, "a redirect is not followed"


async def test_ten_megabytes_of_complaint_are_not_read(receiver: Receiver) -> None:
    receiver.mood = "huge"
    with pytest.raises(ChannelError) as failure:
        await built(Webhook(name="w", url=receiver.url)).send(notice())
    assert len(str(failure.value)) < 250
    await asyncio.sleep(0.1)
    assert receiver.written < 5_000_000


async def test_a_receiver_that_hangs_is_left(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "SECONDS_MAX", 0.2)
    receiver.mood = "hang"
    with pytest.raises(ChannelError, match="did not answer") as failure:
        await built(Webhook(name="w", url=receiver.url)).send(notice())
    assert failure.value.retryable


async def test_nobody_there(free_port: int) -> None:
    channel = built(Webhook(name="w", url=f"http://127.0.0.1:{free_port}"))
    with pytest.raises(ChannelError, match="onnect") as failure:
        await channel.send(notice())
    assert failure.value.retryable


async def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(trust)
    async with receiving(trust) as receiver:
        with pytest.raises(ChannelError, match="certificate is not trusted"):
            await built(Webhook(name="w", url=receiver.url)).send(notice())
        assert receiver.asked == 0


async def test_a_letter_says_all_and_asks_for_no_answer(sink: Sink) -> None:
    said = await built(mail(sink.port)).send(notice())
    assert said == "2.0.0 kept"
    (letter,) = sink.letters
    assert letter["Subject"] == f"[{FLEET} #1] {notice().title}"
    assert letter["From"] == f"mailfleet {FLEET} <mailfleet@fleet.test>" or (
        letter["From"].addresses[0].addr_spec == "mailfleet@fleet.test"
    )
    assert letter["To"] == "ops@example.net, boss@example.net"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"] == f"<mailfleet.1.1795348800.1@{FLEET}>"
    assert letter["References"] is None
    assert letter["Date"].datetime == NOON
    text: str = letter.get_content()
    for line in (*notice().what, *notice().evidence, *notice().did, *notice().can):
        assert line in text
    assert max(map(len, sink.raw[0].splitlines())) <= 998


async def test_one_incident_is_one_thread(sink: Sink) -> None:
    channel = built(mail(sink.port))
    over = notice(sequence=3, event=Occasion.RESOLVED, title="RESOLVED after 42 min: …")
    for one in (notice(), notice(sequence=2), over, over):
        await channel.send(one)
    first, second, third, again = sink.letters
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert third["References"] == first["Message-ID"]
    assert third["Message-ID"] == again["Message-ID"], "a repetition can be told by its id"


async def test_words_of_others_break_no_letter(sink: Sink) -> None:
    evil = "Subject\r\nBcc: everybody@example.net"
    await built(mail(sink.port)).send(notice(title=evil, what=(evil,)))
    (letter,) = sink.letters
    assert letter["Bcc"] is None
    assert letter["Subject"] == f"[{FLEET} #1] Subject Bcc: …@example.net"


@pytest.mark.parametrize(
    ("fields", "retryable", "said"),
    [
        ({"answer": "451 4.7.1 later"}, True, "451"),
        ({"answer": "554 5.7.1 spam\x07"}, False, "554"),
        ({"refuse_recipients": "550 5.1.1 nobody"}, False, "no recipient was taken"),
        ({"refuse_recipients": "450 4.2.0 grey"}, True, "450"),
    ],
)
async def test_what_a_relay_answers_decides(
    sink: Sink, fields: dict[str, str], retryable: bool, said: str
) -> None:
    for name, value in fields.items():
        setattr(sink, name, value)
    with pytest.raises(ChannelError) as failure:
        await built(mail(sink.port)).send(notice())
    assert failure.value.retryable is retryable
    assert said in str(failure.value)


@pytest.mark.parametrize("ours", ["127.0.0.1", "localhost"])
async def test_no_warning_goes_through_a_node_it_may_be_about(sink: Sink, ours: str) -> None:
    channel = built(mail(sink.port, host="localhost"), None, ours)
    with pytest.raises(ChannelError, match="is a node of this fleet"):
        await channel.send(notice())
    with pytest.raises(ChannelError, match="is a node of this fleet"):
        await channel.check()
    assert sink.letters == []


async def test_a_collector_on_a_node_may_not_use_itself(sink: Sink) -> None:
    """Loopback is this machine, by whatever address the fleet knows it."""
    known = {one.address for many in psutil.net_if_addrs().values() for one in many}
    ours = sorted(known - {"127.0.0.1"})[0]
    with pytest.raises(ChannelError, match="is a node of this fleet"):
        await built(mail(sink.port), None, ours.partition("%")[0]).send(notice())


async def test_starttls_verifies_and_logs_in(tmp_path: Path) -> None:
    ca = trustme.CA()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(trust)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with sinking(trust) as sink:
        settings = mail(sink.port, security="starttls", username="mf", host="localhost")
        with pytest.raises(ChannelError, match="certificate"):
            await built(settings, Secret("right")).send(notice())
        trusted = mail(
            *(sink.port,),
            security="starttls",
            username="mf",
            host="localhost",
            ca=str(tmp_path / "ca.pem"),
        )
        assert await built(trusted, Secret("right")).check() == "connects and logs in"
        await built(trusted, Secret("right")).send(notice())
        assert (sink.encrypted, sink.users) == ([True], ["mf", "mf"])
        with pytest.raises(ChannelError) as failure:
            await built(trusted, Secret("wrong")).send(notice())
        assert failure.value.retryable, "a password can be mended"
        assert "wrong" not in str(failure.value)


async def test_a_relay_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SECONDS_MAX", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(ChannelError) as failure:
            await built(mail(mute.getsockname()[1])).send(notice())
        assert failure.value.retryable


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_the_rest_goes_by_apprise(receiver: Receiver) -> None:
    address = Secret(receiver.url.replace("http://", "json://") + "/token")
    channel = built(Apprise(name="chat"), address)
    assert await channel.check() == "its address is understood"
    await channel.send(notice())
    (said,) = receiver.said
    assert said["title"] == f"[{FLEET} #1] {notice().title}"
    assert "198.51.100.1 is paused (LISTED)" in said["message"]
    assert said["type"] == "failure"
    receiver.mood = 500
    with pytest.raises(ChannelError) as failure:
        await channel.send(notice())
    assert failure.value.retryable
    for secret, words in ((None, "no address"), (Secret("moon://x"), "does not understand")):
        with pytest.raises(ChannelError, match=words):
            await built(Apprise(name="chat"), secret).send(notice())


def test_secrets_show_themselves_to_nobody() -> None:
    assert "good key" not in f"{KEY} {KEY!r} {[KEY]}"
