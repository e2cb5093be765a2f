"""Issues certificates from a folder of roots. Decides nothing about who may have one."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from collector.adapters.ca import certificates, folder, listener
from collector.adapters.ca.folder import Root
from collector.ports import Refused
from collector.ports_identity import AuthorityError, Certificate, ListenerCertificate, Secrets

ROOTS_MAX = 2
RENEWABLE_AFTER_END = timedelta(days=180)
CERTIFICATE_BYTES_MAX = 16_384
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def create(place: Path, fleet: str, *, secrets: Secrets, now: datetime) -> "FileAuthority":
    """A new CA in a new folder (0700). AuthorityError when there already is one."""
    if folder.exists(place):
        raise AuthorityError(f"{place}: there is a CA already")
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AuthorityError(f"{place}: {error.strerror}") from error
    root = certificates.make_root(fleet, 1, now=now)
    folder.write(place, fleet, roots=(root,), secrets=secrets)
    return load(place, secrets=secrets)


def load(place: Path, *, secrets: Secrets) -> "FileAuthority":
    """The CA in this folder. AuthorityError when it is missing, damaged or sealed otherwise."""
    fleet, roots = folder.read(place, secrets)
    return FileAuthority(place, fleet, roots=roots, secrets=secrets)


class FileAuthority:
    """Implements `ports.Authority`. The newest root issues; all of them are trusted."""

    def __init__(
        self, place: Path, fleet: str, *, roots: tuple[Root, ...], secrets: Secrets
    ) -> None:
        self._place = place
        self._fleet = fleet
        self._roots = roots
        self._secrets = secrets

    @property
    def fleet(self) -> str:
        return self._fleet

    def ca_pem(self) -> bytes:
        return b"".join(root.pem for root in self._roots)

    def issue(self, csr_der: bytes, *, node_id: str, now: datetime) -> tuple[bytes, Certificate]:
        key = certificates.requested_key(csr_der)
        issued = certificates.client_certificate(
            self._roots[0],
            key,
            uri=certificates.node_uri(self._fleet, node_id=node_id),
            now=now,
        )
        return issued.public_bytes(PEM), Certificate(
            fingerprint=_fingerprint(issued.public_bytes(DER)),
            node_id=node_id,
            serial=issued.serial_number,
            not_before=issued.not_valid_before_utc,
            not_after=issued.not_valid_after_utc,
        )

    def proves_old_key(
        self, certificate_der: bytes, *, signature: bytes, message: bytes, now: datetime
    ) -> str:
        """Refused: CERTIFICATE_UNKNOWN, CERTIFICATE_TOO_OLD, PROOF_WRONG."""
        certificate = self._ours(certificate_der)
        if now > certificate.not_valid_after_utc + RENEWABLE_AFTER_END:
            raise Refused(
                "CERTIFICATE_TOO_OLD",
                f"this certificate ended at {certificate.not_valid_after_utc:%Y-%m-%d}, more than"
                f" {RENEWABLE_AFTER_END.days} days ago; enrol the node anew with a token",
            )
        if not _is_signed(certificate, signature=signature, message=message):
            raise Refused(
                "PROOF_WRONG", "the request is not signed with the key of the old certificate"
            )
        return _fingerprint(certificate_der)

    def listener(self, names: Sequence[str], *, now: datetime) -> ListenerCertificate:
        # The oldest root that still lives: nodes enrolled before a rotation trust no other.
        root = next(
            (one for one in reversed(self._roots) if now < one.certificate.not_valid_after_utc),
            self._roots[0],
        )
        return listener.current(self._place / listener.FILE, root, names=names, now=now)

    def rotate(self, live: Sequence[Certificate], *, now: datetime) -> None:
        kept, dropped = self._roots[: ROOTS_MAX - 1], self._roots[ROOTS_MAX - 1 :]
        generations = {root.generation for root in dropped}
        used = [one for one in live if certificates.generation_of(one.serial) in generations]
        if used:
            end = max(one.not_after for one in used)
            raise Refused(
                "CA_IN_USE",
                f"{len(used)} nodes' certificates come from the oldest root, which a rotation"
                f" would drop; they are renewed by themselves, the last by {end:%Y-%m-%d}",
            )
        newest = certificates.make_root(self._fleet, self._roots[0].generation + 1, now=now)
        roots = (newest, *kept)
        folder.write(self._place, self._fleet, roots=roots, secrets=self._secrets)
        self._roots = roots

    def _ours(self, certificate_der: bytes) -> x509.Certificate:
        if len(certificate_der) <= CERTIFICATE_BYTES_MAX:
            try:
                certificate = x509.load_der_x509_certificate(certificate_der)
                if any(certificates.is_issued(certificate, root) for root in self._roots):
                    return certificate
            except (ValueError, TypeError):
                pass  # not even a certificate: as unknown as a stranger's
        raise Refused(
            "CERTIFICATE_UNKNOWN",
            "this fleet's CA did not issue that certificate; enrol the node with a token",
        )


def _fingerprint(certificate_der: bytes) -> str:
    return hashlib.sha256(certificate_der).hexdigest()


def _is_signed(certificate: x509.Certificate, *, signature: bytes, message: bytes) -> bool:
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True
