"""Makes this node's key on the node and has the collector certify it, first and ever again.

Runs as a short-lived process: it alone in the agent loads cryptography. It trusts nothing but the
hash in the join token, and then the CA that matches it. Where the files lie is not its affair.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf.message import DecodeError

from agent.membership import CollectorPlace, Identity
from protos import fleet_pb2 as pb

TOKEN_FORM = re.compile(r"mft1\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})")
TOKEN_BYTES_MAX = 4_096
CA_BYTES_MAX = 65_536
FETCH_SECONDS_MAX = 10.0
CALL_SECONDS_MAX = 20.0
# The certificate starts 24 h back, so that an hour of error, as virtual machines have, works.
CLOCK_ERROR_MAX = timedelta(hours=24)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


class EnrolError(Exception):
    """This node got no certificate; the text says why and what helps. `is_refusal`: the collector
    answered and said no; otherwise it was not reached, or this machine is not fit."""

    def __init__(self, text: str, *, is_refusal: bool = False) -> None:
        super().__init__(text)
        self.is_refusal = is_refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """`text` is sent, `ca_sha256` says which CA may be trusted. Neither is ever logged."""

    text: str
    ca_sha256: bytes

    def __repr__(self) -> str:
        return "JoinToken(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node says of itself when it enrols."""

    machine_id: str
    hostname: str
    version: str
    addresses: tuple[str, ...]


def parse_token(text: str) -> JoinToken:
    """`mft1.SECRET.HASH`: 32 random bytes in base64url, the SHA-256 of /ca.pem in hex."""
    text = text.strip()
    if not text:
        raise EnrolError("the join token is empty; make one on the collector: mailfleet node token")
    if not text.startswith("mft1."):
        raise EnrolError("that is no join token: it would begin with mft1.")
    match = TOKEN_FORM.fullmatch(text)
    if match is None:
        raise EnrolError("the join token is damaged or cut off; copy the whole line again")
    try:
        secret = base64.urlsafe_b64decode(match[1] + "=")
    except binascii.Error as error:
        raise EnrolError("the join token is damaged; copy the whole line again") from error
    assert len(secret) == 32, "43 characters of base64url"
    return JoinToken(text=text, ca_sha256=bytes.fromhex(match[2]))


def enrol(
    place: CollectorPlace, token: JoinToken, *, node: NodeFacts, clock: Callable[[], datetime]
) -> Identity:
    """A new key and its certificate; the token is used up when this succeeds."""
    ca = fetch_ca(place, clock=clock)
    if not hmac.compare_digest(hashlib.sha256(ca).digest(), token.ca_sha256):
        raise EnrolError(
            f"the CA at https://{place.target(place.https_port)}/ca.pem is not the one this token"
            " was made for: a wrong host, an old token, or somebody in between"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    request = pb.EnrolRequest(
        token=token.text,
        csr_der=_request(key, node.hostname).public_bytes(DER),
        machine_id=node.machine_id,
        hostname=node.hostname,
        agent_version=node.version,
        addresses=node.addresses,
        sent_at_ms=int(clock().timestamp() * 1000),
    )
    with _channel(place, ca) as channel:
        answer = _call(channel, "Enrol", request=request.SerializeToString())
    return _identity(_parsed(pb.EnrolReply, answer).issued, key, now=clock())


def renew(place: CollectorPlace, identity: Identity, *, clock: Callable[[], datetime]) -> Identity:
    """A new key certified by proof of the old one, whose certificate may have ended."""
    old = x509.load_pem_x509_certificate(identity.certificate).public_bytes(DER)
    old_key = serialization.load_pem_private_key(identity.key, password=None)
    assert isinstance(old_key, ec.EllipticCurvePrivateKey), "we made it"
    key = ec.generate_private_key(ec.SECP256R1())
    csr = _request(key, identity.node_id).public_bytes(DER)
    with _channel(place, identity.ca) as channel:
        first = pb.RenewRequest(certificate_der=old, csr_der=csr)
        nonce = _parsed(
            pb.RenewReply, _call(channel, "Renew", request=first.SerializeToString())
        ).nonce
        if not 16 <= len(nonce) <= 256:
            raise EnrolError(f"the collector gave a nonce of {len(nonce)} bytes")
        signature = old_key.sign(nonce + csr, ec.ECDSA(hashes.SHA256()))
        proof = pb.RenewRequest(certificate_der=old, csr_der=csr, nonce=nonce, signature=signature)
        answer = _call(channel, "Renew", request=proof.SerializeToString())
    renewed = _identity(_parsed(pb.RenewReply, answer).issued, key, now=clock())
    if renewed.node_id != identity.node_id:
        raise EnrolError(f"the collector renewed another node's identity: {renewed.node_id!r}")
    return renewed


def fetch_ca(place: CollectorPlace, *, clock: Callable[[], datetime]) -> bytes:
    """/ca.pem, from whoever answers: the caller compares its hash. Checks the clocks first."""
    url = f"https://{place.target(place.https_port)}/ca.pem"
    connection = http.client.HTTPSConnection(
        place.host, place.https_port, timeout=FETCH_SECONDS_MAX, context=_trusting_anybody()
    )
    try:
        connection.request("GET", "/ca.pem")
        with connection.getresponse() as response:
            content = _read_bounded(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EnrolError(f"{url}: {error}; is the collector running and this its host?") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise EnrolError(f"{url}: HTTP {response.status}; is this the collector's HTTPS port?")
    _check_clock(response.getheader("Date"), now=clock())
    return content


def _trusting_anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read_bounded(response: http.client.HTTPResponse) -> bytes:
    """A peer that drips a byte a second is not read for ever."""
    deadline = time.monotonic() + FETCH_SECONDS_MAX
    content = b""
    while piece := response.read1(16_384):
        content += piece
        if len(content) > CA_BYTES_MAX or time.monotonic() > deadline:
            raise ValueError("too large or too slow for a CA")
    return content


def _check_clock(date: str | None, *, now: datetime) -> None:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return  # no date, no opinion: the certificate's own dates decide
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=timezone.utc)
    if abs(now - theirs) > CLOCK_ERROR_MAX:
        raise EnrolError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M:%SZ}, the collector's"
            f" {theirs:%Y-%m-%d %H:%M:%SZ}: more than a day apart, so no certificate would be"
            " valid; set the clock that is wrong (timedatectl set-ntp true), then try again"
        )


def _request(key: ec.EllipticCurvePrivateKey, name: str) -> x509.CertificateSigningRequest:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "node")])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())


def _channel(place: CollectorPlace, ca: bytes) -> grpc.Channel:
    options: list[tuple[str, int | str]] = [
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", 4 * CA_BYTES_MAX),
    ]
    if place.name:
        options.append(("grpc.ssl_target_name_override", place.name))
    return grpc.secure_channel(
        place.target(place.enrolment_port),
        grpc.ssl_channel_credentials(root_certificates=ca),
        options=options,
    )


def _call(channel: grpc.Channel, method: str, *, request: bytes) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    call = channel.unary_unary(f"/mailfleet.v1.Enrolment/{method}")
    try:
        answer: bytes = call(request, timeout=CALL_SECONDS_MAX)
    except grpc.RpcError as error:
        code, details = error.code(), (error.details() or "")[:500]
        unreached = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        said = "not reached" if unreached else "refused"
        raise EnrolError(f"{said}, {code.name}: {details}", is_refusal=not unreached) from error
    return answer


_Reply = TypeVar("_Reply", pb.EnrolReply, pb.RenewReply)


def _parsed(kind: type[_Reply], answer: bytes) -> _Reply:
    reply = kind()
    try:
        reply.ParseFromString(answer)
    except DecodeError as error:
        raise EnrolError(f"the collector's answer is no {kind.__name__}") from error
    return reply


def _identity(issued: pb.Issued, key: ec.EllipticCurvePrivateKey, *, now: datetime) -> Identity:
    """The identity in the answer, once it is certain that it fits key, CA, name and clock."""
    try:
        certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
        roots = x509.load_pem_x509_certificates(issued.ca_pem)
    except ValueError as error:
        raise EnrolError(f"the collector sent no certificate: {error}") from error
    if certificate.public_key() != key.public_key():
        raise EnrolError("the collector certified another key than ours")
    if not any(_is_signed_by(certificate, root=root) for root in roots):
        raise EnrolError("the certificate is not signed by the CA that came with it")
    uri = f"spiffe://{issued.fleet}/node/{issued.node_id}"
    if not issued.node_id or uri not in _uris(certificate):
        raise EnrolError(f"the certificate does not name {uri}")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= now < end:
        raise EnrolError(f"the certificate is valid from {begin} to {end}, and it is {now} here")
    return Identity(
        node_id=issued.node_id,
        fleet=issued.fleet,
        not_before=begin,
        not_after=end,
        key=key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate=issued.certificate_pem,
        ca=issued.ca_pem,
    )


def _is_signed_by(certificate: x509.Certificate, *, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)
