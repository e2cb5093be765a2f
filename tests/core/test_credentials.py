"""Join tokens and nonces: what is one, and what is not."""

import hashlib
from datetime import datetime, timedelta, timezone

import pytest

from collector.core import credentials

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
SECRET = bytes(range(200, 232))
KEY, SALT = b"k" * 32, b"s" * 16


def test_a_token_carries_its_secret_and_the_hash_of_the_ca() -> None:
    text = credentials.token_text(SECRET, ca_pem=b"the roots")
    form, _, ca_hash = text.split(".")
    assert form == "mft1"
    assert ca_hash == hashlib.sha256(b"the roots").hexdigest()
    assert credentials.token_secret(text) == SECRET
    assert credentials.token_secret(f"  {text}\n") == SECRET
    assert credentials.secret_hash(SECRET) == hashlib.sha256(SECRET).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mft1",
        "mft1..",
        "mft2.AAAA.00",
        "mft1.AAAA.00",
        "mft1.!!!!.00",
        "mft1." + "A" * 44 + ".00",
        "mft1." + "A" * 43 + ".00.00",
        "mft1." + "A" * 43 + "." + "0" * 300,
        "mft1.Ä" + "A" * 42 + ".00",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert credentials.token_secret(text) is None


@pytest.mark.parametrize(
    "seconds, good", [(-1, False), (0, True), (30, True), (60, True), (62, False), (9e6, False)]
)
def test_a_nonce_is_good_for_a_minute(seconds: float, good: bool) -> None:
    nonce = credentials.nonce(KEY, salt=SALT, given_for=b"request", now=NOON)
    later = NOON + timedelta(seconds=seconds)
    assert credentials.is_nonce(nonce, key=KEY, given_for=b"request", now=later) is good


def test_a_nonce_is_for_one_request_of_one_collector() -> None:
    nonce = credentials.nonce(KEY, salt=SALT, given_for=b"request", now=NOON)
    assert not credentials.is_nonce(nonce, key=KEY, given_for=b"another", now=NOON)
    assert not credentials.is_nonce(nonce, key=b"x" * 32, given_for=b"request", now=NOON)
    for place in range(len(nonce)):
        altered = bytearray(nonce)
        altered[place] ^= 1
        assert not credentials.is_nonce(bytes(altered), key=KEY, given_for=b"request", now=NOON)
    for value in (b"", nonce[:-1], nonce + b"x"):
        assert not credentials.is_nonce(value, key=KEY, given_for=b"request", now=NOON)
