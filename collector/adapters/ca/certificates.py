"""What the CA's certificates say, and what a request must prove. Reads and writes no file.

Profiles follow RFC 5280; the client's name is a SPIFFE id, one URI in the subject alternative
names. Everything starts a day back, so that a clock an hour wrong does not matter.
"""

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.adapters.ca.folder import Root
from collector.ports import Refused

BACKDATED = timedelta(hours=24)
ROOT_LIFE = timedelta(days=3650)
CLIENT_LIFE = timedelta(days=30)
LISTENER_LIFE = timedelta(days=90)
CSR_BYTES_MAX = 16_384
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192
# A serial is the root's generation and 48 random bits: below 2^63, and it tells its issuer.
GENERATION_SHIFT = 48

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def generation_of(serial: int) -> int:
    return serial >> GENERATION_SHIFT


def make_root(fleet: str, generation: int, *, now: datetime) -> Root:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"mailfleet {fleet} root {generation}"[:64])
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(name, key.public_key())
        .issuer_name(name)
        .serial_number(x509.random_serial_number())
        # Before all it issues: a listener's certificate must not start before its root.
        .not_valid_before(now - 2 * BACKDATED)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Root(generation=generation, certificate=certificate, key=key)


def is_issued(certificate: x509.Certificate, root: Root) -> bool:
    """Whether this root signed it."""
    try:
        certificate.verify_directly_issued_by(root.certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def node_uri(fleet: str, *, node_id: str) -> str:
    return f"spiffe://{fleet}/node/{node_id}"


def client_certificate(root: Root, key: PublicKey, *, uri: str, now: datetime) -> x509.Certificate:
    """For a node: its URI and nothing else, good for TLS clients only."""
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    builder = _leaf(root, key, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return _sign(root, builder.add_extension(names, critical=True), life=CLIENT_LIFE, now=now)


def listener_certificate(
    root: Root, key: PublicKey, *, names: Sequence[str], now: datetime
) -> x509.Certificate:
    """For the collector's listeners under these DNS names and IP addresses."""
    subject_names = x509.SubjectAlternativeName([_general_name(name) for name in names])
    builder = _leaf(root, key, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    builder = builder.add_extension(subject_names, critical=True)
    return _sign(root, builder, life=LISTENER_LIFE, now=now)


def names_of(certificate: x509.Certificate) -> set[str]:
    """The DNS names and IP addresses it is good for."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def requested_key(csr_der: bytes) -> PublicKey:
    """The key of a request that proves it holds it. Subject and extensions are not looked at.

    Refused CSR_INVALID.
    """
    if len(csr_der) > CSR_BYTES_MAX:
        raise Refused("CSR_INVALID", f"a request of {len(csr_der)} bytes")
    try:
        request = x509.load_der_x509_csr(csr_der)
        key = request.public_key()
        is_proven = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Refused("CSR_INVALID", "not a certificate signing request") from error
    if not is_proven:
        raise Refused("CSR_INVALID", "the request is not signed with its own key")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        return key
    raise Refused(
        "CSR_INVALID", f"the key is neither EC P-256 nor RSA of at least {RSA_BITS_MIN} bits"
    )


def _leaf(root: Root, key: PublicKey, *, usage: x509.ObjectIdentifier) -> x509.CertificateBuilder:
    bits = secrets.randbits(GENERATION_SHIFT)
    return (
        _builder(x509.Name([]), key)
        .issuer_name(root.certificate.subject)
        .serial_number(root.generation << GENERATION_SHIFT | bits)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()),
            critical=False,
        )
    )


def _sign(
    root: Root, builder: x509.CertificateBuilder, *, life: timedelta, now: datetime
) -> x509.Certificate:
    end = min(now + life, root.certificate.not_valid_after_utc)
    dated = builder.not_valid_before(now - BACKDATED).not_valid_after(end)
    return dated.sign(root.key, hashes.SHA256())


def _builder(subject: x509.Name, key: PublicKey) -> x509.CertificateBuilder:
    return x509.CertificateBuilder().subject_name(subject).public_key(key)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
