"""The listeners' own key and certificate: one file, made anew in time. Trusts nobody."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collector.adapters.ca import certificates, folder
from collector.adapters.ca.folder import Root
from collector.ports_identity import AuthorityError, ListenerCertificate

FILE = "listener.pem"
PEM = serialization.Encoding.PEM


def current(path: Path, root: Root, *, names: Sequence[str], now: datetime) -> ListenerCertificate:
    """The one in the file while it is good; else a new one by this root, which replaces it."""
    try:
        kept = _listener_in(path)
        if kept is not None and _is_good(kept[1], root=root, names=names, now=now):
            return kept[0]
        folder.replace(path, _new_listener(root, names, now=now), mode=0o600)
        made = _listener_in(path)
    except OSError as error:
        raise AuthorityError(f"{path}: {error.strerror}") from error
    assert made is not None, path
    return made[0]


def _new_listener(root: Root, names: Sequence[str], *, now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = certificates.listener_certificate(root, key.public_key(), names=names, now=now)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(PEM, form, serialization.NoEncryption()) + issued.public_bytes(PEM)


def _listener_in(path: Path) -> tuple[ListenerCertificate, x509.Certificate] | None:
    """What the file holds; None when there is nothing usable, and a new one is made."""
    try:
        content = path.read_bytes()
        start = content.index(b"-----BEGIN CERTIFICATE-----")
        key_pem, certificate_pem = content[:start], content[start:]
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        if key.public_key() != certificate.public_key():
            return None
    except (FileNotFoundError, ValueError):
        return None
    return ListenerCertificate(
        key_pem=key_pem,
        certificate_pem=certificate_pem,
        not_after=certificate.not_valid_after_utc,
        path=str(path),
    ), certificate


def _is_good(
    certificate: x509.Certificate, *, root: Root, names: Sequence[str], now: datetime
) -> bool:
    """Of this root, for exactly these names, and with a third of its life left."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (
        begin <= now < end - (end - begin) / 3
        and certificates.names_of(certificate) == set(names)
        and certificates.is_issued(certificate, root)
    )
