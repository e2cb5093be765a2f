"""Joining and renewing against real listeners: what is right works, all else says why not."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from agent import enrol, identity
from agent.enrol import EnrolError, NodeFacts
from agent.identity import IdentityError
from agent.membership import Identity
from tests.agent.enrolment import Desk, enrolling
from tests.agent.stand_in import Issuer, new_key

FACTS = NodeFacts(
    machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
    hostname="mx1.example",
    version="0.1.0",
    addresses=("198.51.100.7",),
)
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(timezone.utc)


def joined(desk: Desk, token: str | None = None) -> Identity:
    parsed = enrol.parse_token(token or desk.token())
    return enrol.enrol(desk.place, parsed, node=FACTS, clock=now)


def test_a_token_makes_an_identity(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        token = desk.token()
        made = joined(desk, token)
    assert (made.node_id, made.fleet) == ("node-1", "test")
    certificate = x509.load_pem_x509_certificate(made.certificate)
    assert made.not_after == certificate.not_valid_after_utc
    assert made.ca == desk.issuer.pem
    (request,) = desk.seen
    assert request.token == token
    assert (request.hostname, list(request.addresses)) == ("mx1.example", ["198.51.100.7"])
    assert "PRIVATE" not in repr(made)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "empty"),
        ("abc", "begin with mft1"),
        ("mft1.short.abc", "damaged"),
        ("mft1." + "a" * 43 + "." + "0" * 63, "damaged"),
        ("mft1." + "!" * 43 + "." + "0" * 64, "damaged"),
        ("mft2." + "a" * 43 + "." + "0" * 64, "begin with mft1"),
    ],
)
def test_a_token_that_is_none(text: str, says: str) -> None:
    with pytest.raises(EnrolError, match=says):
        enrol.parse_token(text)


def test_white_space_around_a_token_does_no_harm() -> None:
    token = Desk().token()
    parsed = enrol.parse_token(f"  {token}\n")
    assert parsed.text == token
    assert token not in repr(parsed)


def test_a_ca_that_is_not_the_tokens_is_not_trusted(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        with pytest.raises(EnrolError, match="not the one this token"):
            joined(desk, Desk().token())
        assert desk.seen == []


@pytest.mark.parametrize("ahead", [timedelta(hours=1), -timedelta(hours=23)])
def test_a_clock_an_hour_off_works(tmp_path: Path, ahead: timedelta) -> None:
    with enrolling(Desk(ahead=ahead), tmp_path) as desk:
        assert joined(desk).node_id == "node-1"


@pytest.mark.parametrize("ahead", [timedelta(hours=25), -400 * DAY])
def test_a_clock_more_than_a_day_off_is_said_with_both_times(
    tmp_path: Path, ahead: timedelta
) -> None:
    with enrolling(Desk(ahead=ahead), tmp_path) as desk:
        with pytest.raises(EnrolError) as caught:
            joined(desk)
        assert desk.seen == []
    said = str(caught.value)
    assert f"{now():%Y-%m-%d}" in said
    assert f"{now() + ahead:%Y-%m-%d}" in said
    assert "timedatectl" in said


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"ca_served": b"x" * 70_000}, "too large"),
        ({"ca_served": b""}, "HTTP 404"),
        ({"certify_key": new_key()}, "another key"),
        ({"certify_name": "node-2"}, "does not name"),
        ({"ca_sent": Issuer(name="other").pem}, "not signed by the CA"),
        ({"ca_sent": b"no certificate"}, "no certificate"),
        ({"node_id": ""}, "does not name"),
    ],
)
def test_what_a_wrong_collector_does(tmp_path: Path, wrong: dict[str, object], says: str) -> None:
    with enrolling(Desk(**wrong), tmp_path) as desk:  # type: ignore[arg-type]
        with pytest.raises(EnrolError, match=says) as caught:
            joined(desk)
        assert not caught.value.is_refusal


@pytest.mark.parametrize("code", ["TOKEN_UNKNOWN", "TOKEN_USED", "TOKEN_EXPIRED"])
def test_a_refused_token_is_a_refusal(tmp_path: Path, code: str) -> None:
    refuse = (grpc.StatusCode.PERMISSION_DENIED, f"{code}: make another one")
    with enrolling(Desk(refuse=refuse), tmp_path) as desk:
        with pytest.raises(EnrolError, match=code) as caught:
            joined(desk)
        assert caught.value.is_refusal


def test_nobody_there(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        pass
    with pytest.raises(EnrolError, match="is the collector running"):
        joined(desk)


def test_a_renewal_proves_the_old_key_and_makes_a_new_one(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        old = joined(desk)
        new = enrol.renew(desk.place, old, clock=now)
    assert desk.proofs == 1
    assert new.node_id == old.node_id
    assert new.key != old.key


def test_an_ended_certificate_can_be_renewed(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        desk.issuer.made_at = now() - 60 * DAY
        old = desk.issuer.identity("node-1")
        assert old.not_after < now()
        desk.issuer.made_at = now()
        assert enrol.renew(desk.place, old, clock=now).not_after > now()


def test_the_wrong_key_proves_nothing(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        stolen = replace(joined(desk), key=desk.issuer.identity("node-1").key)
        with pytest.raises(EnrolError, match="PROOF_WRONG") as caught:
            enrol.renew(desk.place, stolen, clock=now)
        assert caught.value.is_refusal


@pytest.mark.parametrize("nonce", [b"", b"short", b"n" * 300])
def test_an_odd_nonce_is_not_signed(tmp_path: Path, nonce: bytes) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        old = joined(desk)
        desk.nonce = nonce
        with pytest.raises(EnrolError, match="nonce"):
            enrol.renew(desk.place, old, clock=now)
    assert desk.proofs == 0


def test_a_renewal_for_another_node_is_refused(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        old = joined(desk)
        desk.node_id = "node-2"
        with pytest.raises(EnrolError, match="another node"):
            enrol.renew(desk.place, old, clock=now)


def test_an_identity_is_swapped_whole(tmp_path: Path) -> None:
    issuer = Issuer()
    assert identity.load(tmp_path) is None
    first, second = issuer.identity("node-1"), issuer.identity("node-1")
    identity.swap(tmp_path, first)
    name = identity.present(tmp_path)
    assert identity.load(tmp_path) == first
    key = tmp_path / name / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    identity.swap(tmp_path, second)
    assert identity.load(tmp_path) == second
    assert identity.present(tmp_path) != name
    assert not key.exists()


def test_what_an_interrupted_swap_left_does_no_harm(tmp_path: Path) -> None:
    made = Issuer().identity("node-1")
    (tmp_path / "identity.deadbeef").mkdir()
    (tmp_path / "identity.deadbeef" / "key.pem").write_text("half")
    (tmp_path / "identity.deadbeef.link").symlink_to("identity.deadbeef")
    assert identity.load(tmp_path) is None
    identity.swap(tmp_path, made)
    assert identity.load(tmp_path) == made
    assert len(list(tmp_path.glob("identity*"))) == 2


def test_a_damaged_identity_is_an_error(tmp_path: Path) -> None:
    identity.swap(tmp_path, Issuer().identity("node-1"))
    (tmp_path / identity.present(tmp_path) / "identity.json").write_text("{}")
    with pytest.raises(IdentityError, match="enrol"):
        identity.load(tmp_path)


def command(
    place: Desk, folder: Path, *words: str, stdin: str = "", token: str = ""
) -> subprocess.CompletedProcess[str]:
    config = folder / "agent.toml"
    config.write_text(
        f"""
        [collector]
        host = "127.0.0.1"
        enrolment_port = {place.place.enrolment_port}
        https_port = {place.place.https_port}
        [node]
        state = "{folder}"
        addresses = ["198.51.100.7"]
        """
    )
    environ = {**os.environ, "MAILFLEET_CONFIG": str(config), "MAILFLEET_TOKEN": token}
    return subprocess.run(
        [sys.executable, "-m", "agent", *words],
        input=stdin,
        env=environ,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def test_the_command_line(tmp_path: Path) -> None:
    with enrolling(Desk(), tmp_path) as desk:
        (tmp_path / "token").write_text(desk.token())
        done = command(desk, tmp_path, "enrol", "--token-file", str(tmp_path / "token"))
        assert (done.returncode, done.stderr) == (0, "")
        assert "node node-1 of test" in done.stdout
        held = identity.load(tmp_path)

        again = command(desk, tmp_path, "enrol", "--token-file", "-", stdin=desk.token())
        assert again.returncode == 1
        assert "--again" in again.stderr
        assert identity.load(tmp_path) == held

        renewed = command(desk, tmp_path, "renew")
        assert renewed.returncode == 0
        assert identity.load(tmp_path) != held

        desk.node_id = "node-2"
        anew = command(desk, tmp_path, "enrol", "--again", token=desk.token())
        assert anew.returncode == 0
        desk.refuse = (grpc.StatusCode.PERMISSION_DENIED, "TOKEN_USED: once only")
        refused = command(desk, tmp_path, "enrol", "--again", token=desk.token())
        assert refused.returncode == 5
        assert "TOKEN_USED" in refused.stderr
    gone = command(desk, tmp_path, "enrol", "--again", token=desk.token())
    assert gone.returncode == 6
    held = identity.load(tmp_path)
    assert held is not None
    assert held.node_id == "node-2"
