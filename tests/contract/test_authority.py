"""The port Authority: what it issues, what it refuses, and two roots at once."""

import stat
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from collector.adapters import ca
from collector.adapters.ca import FileAuthority
from collector.adapters.secrets import MasterKey
from collector.ports import Refused
from collector.ports_identity import AuthorityError, Certificate
from tests.rpc_node import new_key, request

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
NODE = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
NAMES = ("collector.test", "192.0.2.1", "2001:db8::1")
SECRETS = MasterKey(bytes(32))
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


@pytest.fixture
def authority(tmp_path: Path) -> FileAuthority:
    return ca.create(tmp_path / "ca", "fleet.test", secrets=SECRETS, now=NOON)


def issued(
    authority: FileAuthority, now: datetime = NOON
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate, Certificate]:
    key = new_key()
    pem, certificate = authority.issue(request(key), node_id=NODE, now=now)
    return key, x509.load_pem_x509_certificate(pem), certificate


def roots(authority: FileAuthority) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(authority.ca_pem())


def is_trusted(certificate: x509.Certificate, authority: FileAuthority) -> bool:
    return any(certificate.issuer == root.subject for root in roots(authority))


def test_a_root_lives_ten_years_and_may_only_sign(authority: FileAuthority) -> None:
    (root,) = roots(authority)
    assert timedelta(days=3649) < root.not_valid_after_utc - NOON <= timedelta(days=3650)
    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)


def test_a_node_certificate_names_the_node_for_thirty_days(authority: FileAuthority) -> None:
    key, certificate, known = issued(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(f"spiffe://fleet.test/node/{NODE}")]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_before_utc == NOON - DAY
    assert certificate.not_valid_after_utc == NOON + 30 * DAY
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(roots(authority)[0])
    assert known.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert known.node_id == NODE
    assert (known.not_before, known.not_after) == (NOON - DAY, NOON + 30 * DAY)
    assert known.serial == certificate.serial_number
    assert known.serial < 2**63


def test_subject_and_extensions_of_a_request_are_ignored(authority: FileAuthority) -> None:
    key = new_key()
    wish = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("collector.test")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem, _ = authority.issue(wish.public_bytes(DER), node_id=NODE, now=NOON)
    certificate = x509.load_pem_x509_certificate(pem)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert b"collector.test" not in certificate.public_bytes(DER)
    assert "root" not in certificate.subject.rfc4514_string()


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(DER)


def ed25519_request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(DER)


def tampered_request() -> bytes:
    good = bytearray(request(new_key()))
    good[-3] ^= 1
    return bytes(good)


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": bytes,
    "no request": lambda: b"\x30\x03abc",
    "another curve": lambda: csr(ec.generate_private_key(ec.SECP384R1())),
    "a short RSA key": lambda: csr(rsa.generate_private_key(65537, 1024)),
    "another kind of key": ed25519_request,
    "a wrong signature": tampered_request,
    "too long": lambda: request(new_key()) + bytes(20_000),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_request_is_refused(authority: FileAuthority, make: Callable[[], bytes]) -> None:
    with pytest.raises(Refused) as refused:
        authority.issue(make(), node_id=NODE, now=NOON)
    assert refused.value.code == "CSR_INVALID"


def test_an_rsa_key_of_2048_bits_is_taken(authority: FileAuthority) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem, known = authority.issue(csr(key), node_id=NODE, now=NOON)
    der = x509.load_pem_x509_certificate(pem).public_bytes(DER)
    signature = key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    proven = authority.proves_old_key(der, signature=signature, message=b"message", now=NOON)
    assert proven == known.fingerprint


@pytest.mark.parametrize(
    "days, code",
    [(0, ""), (29, ""), (31, ""), (30 + 180, ""), (30 + 181, "CERTIFICATE_TOO_OLD")],
)
def test_the_old_key_proves_itself_for_180_days(
    authority: FileAuthority, days: int, code: str
) -> None:
    key, certificate, known = issued(authority)
    signature = key.sign(b"nonce and request", ec.ECDSA(hashes.SHA256()))

    def prove() -> str:
        return authority.proves_old_key(
            certificate.public_bytes(DER),
            signature=signature,
            message=b"nonce and request",
            now=NOON + days * DAY,
        )

    if not code:
        assert prove() == known.fingerprint
        return
    with pytest.raises(Refused) as refused:
        prove()
    assert refused.value.code == code


def test_a_wrong_proof_is_refused(authority: FileAuthority) -> None:
    _, certificate, _ = issued(authority)
    stranger = new_key().sign(b"message", ec.ECDSA(hashes.SHA256()))
    for signature in (b"", b"junk", stranger):
        with pytest.raises(Refused) as refused:
            authority.proves_old_key(
                certificate.public_bytes(DER), signature=signature, message=b"message", now=NOON
            )
        assert refused.value.code == "PROOF_WRONG"


def test_a_stranger_s_certificate_is_refused(authority: FileAuthority, tmp_path: Path) -> None:
    other = ca.create(tmp_path / "other", "fleet.test", secrets=SECRETS, now=NOON)
    key, certificate, _ = issued(other)
    signature = key.sign(b"message", ec.ECDSA(hashes.SHA256()))
    for der in (certificate.public_bytes(DER), b"", b"junk", bytes(100_000)):
        with pytest.raises(Refused) as refused:
            authority.proves_old_key(der, signature=signature, message=b"message", now=NOON)
        assert refused.value.code == "CERTIFICATE_UNKNOWN"


def test_a_listener_certificate_is_kept_until_two_thirds_of_its_life(
    authority: FileAuthority,
) -> None:
    first = authority.listener(NAMES, now=NOON)
    certificate = x509.load_pem_x509_certificate(first.certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == set(NAMES)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_before_utc == NOON - DAY
    assert authority.listener(NAMES, now=NOON + 50 * DAY) == first
    second = authority.listener(NAMES, now=NOON + 61 * DAY)
    assert second.not_after > first.not_after
    assert second.key_pem != first.key_pem
    other_name = authority.listener(("other.test",), now=NOON + 61 * DAY)
    assert other_name.certificate_pem != second.certificate_pem
    assert "PRIVATE" not in repr(first)


def test_a_listener_file_that_is_damaged_is_made_anew(authority: FileAuthority) -> None:
    first = authority.listener(NAMES, now=NOON)
    Path(first.path).write_bytes(b"half a file")
    assert authority.listener(NAMES, now=NOON).certificate_pem != first.certificate_pem


def test_a_rotation_trusts_both_roots_and_issues_from_the_new_one(
    authority: FileAuthority,
) -> None:
    (old_root,) = roots(authority)
    _, old, _ = issued(authority)
    authority.rotate((), now=NOON + DAY)
    newest, oldest = roots(authority)
    assert oldest == old_root
    _, new, _ = issued(authority, now=NOON + DAY)
    new.verify_directly_issued_by(newest)
    assert is_trusted(old, authority)
    # Nodes enrolled before trust the old root alone: the listeners must prove themselves to it.
    listener = authority.listener(NAMES, now=NOON + DAY)
    x509.load_pem_x509_certificate(listener.certificate_pem).verify_directly_issued_by(oldest)


def test_a_third_root_waits_for_the_last_certificate_of_the_first(
    authority: FileAuthority,
) -> None:
    _, _, first = issued(authority)
    authority.rotate((first,), now=NOON)
    _, _, second = issued(authority)
    with pytest.raises(Refused) as refused:
        authority.rotate((first, second), now=NOON)
    assert refused.value.code == "CA_IN_USE"
    assert f"{first.not_after:%Y-%m-%d}" in str(refused.value)
    assert len(roots(authority)) == 2
    kept = roots(authority)[0]
    authority.rotate((second,), now=NOON + 31 * DAY)
    assert roots(authority)[1] == kept
    assert len(roots(authority)) == 2
    listener = authority.listener(NAMES, now=NOON + 31 * DAY)
    x509.load_pem_x509_certificate(listener.certificate_pem).verify_directly_issued_by(kept)


def test_what_was_rotated_is_loaded_again(authority: FileAuthority, tmp_path: Path) -> None:
    authority.rotate((), now=NOON)
    again = ca.load(tmp_path / "ca", secrets=SECRETS)
    assert again.ca_pem() == authority.ca_pem()
    assert again.fleet == "fleet.test"
    _, certificate, _ = issued(again)
    certificate.verify_directly_issued_by(roots(authority)[0])
    third = ca.load(tmp_path / "ca", secrets=SECRETS)
    third.rotate((), now=NOON)
    assert len(list((tmp_path / "ca").glob("root-*.pem"))) == 2


def test_keys_are_for_us_alone_and_sealed(authority: FileAuthority, tmp_path: Path) -> None:
    authority.listener(NAMES, now=NOON)
    folder = tmp_path / "ca"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (*folder.glob("*.key"), folder / "listener.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = folder.glob("root-*.key")
    with pytest.raises(ValueError, match="Could not deserialize"):
        serialization.load_der_private_key(key.read_bytes(), password=None)


def test_a_folder_is_made_once(authority: FileAuthority, tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="there is a CA already"):
        ca.create(tmp_path / "ca", "fleet.test", secrets=SECRETS, now=NOON)
    assert ca.load(tmp_path / "ca", secrets=SECRETS).ca_pem() == authority.ca_pem()


def test_a_damaged_folder_is_not_used(authority: FileAuthority, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    with pytest.raises(AuthorityError, match="master key"):
        ca.load(folder, secrets=MasterKey(b"x" * 32))
    with pytest.raises(AuthorityError, match="init"):
        ca.load(tmp_path / "nowhere", secrets=SECRETS)
    (folder / "root-1.pem").write_bytes(b"")
    with pytest.raises(AuthorityError, match=r"root-1\.pem"):
        ca.load(folder, secrets=SECRETS)
    (folder / "ca.json").write_text("[]")
    with pytest.raises(AuthorityError):
        ca.load(folder, secrets=SECRETS)


def test_a_rotation_cut_short_leaves_the_old_order(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    authority = ca.create(folder, "fleet.test", secrets=SECRETS, now=NOON)
    order = (folder / "ca.json").read_bytes()
    authority.rotate((), now=NOON)
    (folder / "ca.json").write_bytes(order)
    before = ca.load(folder, secrets=SECRETS)
    assert len(roots(before)) == 1
    before.rotate((), now=NOON)
    assert len(roots(ca.load(folder, secrets=SECRETS))) == 2
