"""The port Secrets: what is sealed opens for its purpose and under its key alone."""

import stat
from pathlib import Path

import pytest

from collector.adapters import secrets
from collector.adapters.secrets import MasterKey
from collector.ports_identity import SecretsError


def test_what_is_sealed_opens_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    sealed = secrets.create(path).seal(b"plain", purpose="a test")
    assert b"plain" not in sealed
    assert secrets.load(path).open(sealed, purpose="a test") == b"plain"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_sealed_twice_differs() -> None:
    key = MasterKey(bytes(32))
    assert key.seal(b"plain", purpose="p") != key.seal(b"plain", purpose="p")


@pytest.mark.parametrize("purpose, key", [("another", bytes(32)), ("p", b"k" * 32)])
def test_another_purpose_or_key_does_not_open(purpose: str, key: bytes) -> None:
    sealed = MasterKey(bytes(32)).seal(b"plain", purpose="p")
    with pytest.raises(SecretsError, match=purpose):
        MasterKey(key).open(sealed, purpose=purpose)


def test_an_altered_byte_does_not_open() -> None:
    key = MasterKey(bytes(32))
    sealed = key.seal(b"plain", purpose="p")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(SecretsError):
            key.open(bytes(altered), purpose="p")
    for length in (0, 1, 12, 13, len(sealed) - 1):
        with pytest.raises(SecretsError):
            key.open(sealed[:length], purpose="p")


def test_a_key_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    secrets.create(path)
    path.chmod(0o640)
    with pytest.raises(SecretsError, match="chmod 600"):
        secrets.load(path)


def test_a_key_is_made_once_and_must_be_whole(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with pytest.raises(SecretsError, match="No such file"):
        secrets.load(path)
    secrets.create(path)
    with pytest.raises(SecretsError, match="exists"):
        secrets.create(path)
    path.write_bytes(b"short")
    with pytest.raises(SecretsError, match="32 bytes"):
        secrets.load(path)
    assert "b'" not in repr(MasterKey(bytes(32)))
