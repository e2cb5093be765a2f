"""The name that is asked, and that no text of ours ever carries the key in it."""

import copy
import io
import logging
import traceback

import pytest

from deliverability import zones
from deliverability.zones import ZEN, QueryName, Reply, ZoneKey

SECRET = "SeCr3tdqskey7654321abcdefgh"
KEY = ZoneKey(SECRET)


@pytest.mark.parametrize(
    "address, key, name",
    [
        ("170.55.103.23", None, "23.103.55.170.zen.spamhaus.org"),
        ("127.0.0.2", None, "2.0.0.127.zen.spamhaus.org"),
        ("170.55.103.23", KEY, f"23.103.55.170.{SECRET.lower()}.zen.dq.spamhaus.net"),
        (
            "2001:db8:1:2:3:4:567:89ab",
            None,
            # RFC 5782 section 2.4 gives this very address.
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.zen.spamhaus.org",
        ),
    ],
)
def test_the_name_on_the_wire(address: str, key: ZoneKey | None, name: str) -> None:
    assert zones.query_name(ZEN, address, key=key).reveal() == name


def test_the_name_in_texts_hides_the_key() -> None:
    name = zones.query_name(ZEN, "10.0.0.5", key=KEY)
    shown = "5.0.0.10.<key>.zen.dq.spamhaus.net"
    assert str(name) == f"{name}" == shown
    assert repr(name) == f"QueryName({shown!r})"


@pytest.mark.parametrize("address", ["", "example.com", "10.0.0", "10.0.0.256", "fe80::1%eth0"])
def test_what_is_no_address_is_refused_without_the_key(address: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        zones.query_name(ZEN, address, key=KEY)
    assert SECRET.lower() not in "".join(traceback.format_exception(caught.value)).lower()


@pytest.mark.parametrize("secret", ["", "a.b", "a b", "schlüssel", "k" * 64, "a\n", "a-b"])
def test_a_key_is_one_label_and_a_wrong_one_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^a zone key is 1 to 63 letters and digits$"):
        ZoneKey(secret)


def test_names_compare_by_what_is_asked() -> None:
    plain, keyed = (zones.query_name(ZEN, "10.0.0.5", key=key) for key in (None, KEY))
    assert plain != keyed
    assert keyed == zones.query_name(ZEN, "10.0.0.5", key=ZoneKey(SECRET.upper()))
    assert len({plain, keyed, copy.copy(keyed)}) == 2


def texts(value: object) -> str:
    """Every way a value becomes text in a log, an error or a dump of locals."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.emit(logging.makeLogRecord({"msg": "asked %s %r", "args": (value, value)}))
    try:
        raise ValueError(value)
    except ValueError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return stream.getvalue() + "".join(told.format()) + f"{value!s}{value!r}{[value]}{value:}"


@pytest.mark.parametrize("value", [KEY, zones.query_name(ZEN, "10.0.0.5", key=KEY)])
def test_no_text_carries_the_key(value: ZoneKey | QueryName) -> None:
    assert SECRET.lower() in (value.reveal())
    assert SECRET.lower() not in texts(value).lower()
    assert not hasattr(value, "__dict__")


def test_no_finding_carries_the_key() -> None:
    for reply in (Reply(problem="timeout"), Reply(addresses=("127.255.255.254",)), Reply()):
        found = zones.assess(ZEN, reply, positive=reply, negative=reply)
        assert SECRET.lower() not in repr(found).lower()
