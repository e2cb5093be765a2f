"""A small real enrolment listener and the HTTPS listener with /ca.pem beside it, for tests."""

import contextlib
import hashlib
import ipaddress
import secrets
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from agent.membership import CollectorPlace
from protos import fleet_pb2 as pb
from tests.agent.stand_in import Issuer, key_pem, new_key

Request = TypeVar("Request")
Context = grpc.ServicerContext


@dataclass
class Desk:
    """Plays the collector's enrolment; a test changes what it does wrong."""

    issuer: Issuer = field(default_factory=Issuer)
    node_id: str = "node-1"
    ahead: timedelta = timedelta(0)
    ca_served: bytes | None = None
    refuse: tuple[grpc.StatusCode, str] | None = None
    nonce: bytes = b"n" * 32
    certify_key: ec.EllipticCurvePrivateKey | None = None
    certify_name: str | None = None
    ca_sent: bytes | None = None
    seen: list[pb.EnrolRequest] = field(default_factory=list)
    proofs: int = 0
    # A renewal is answered when this is set, or after twenty seconds.
    may_renew: threading.Event | None = None
    place: CollectorPlace = field(init=False)

    def token(self) -> str:
        secret = urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        return f"mft1.{secret}.{hashlib.sha256(self.issuer.pem).hexdigest()}"

    def enrol(self, request: pb.EnrolRequest, context: Context) -> pb.EnrolReply:
        self.seen.append(request)
        self._refuse(context)
        return pb.EnrolReply(issued=self._issue(request.csr_der))

    def renew(self, request: pb.RenewRequest, context: Context) -> pb.RenewReply:
        self._refuse(context)
        if self.may_renew is not None:
            self.may_renew.wait(20)
        if not request.signature:
            return pb.RenewReply(nonce=self.nonce)
        old = x509.load_der_x509_certificate(request.certificate_der).public_key()
        assert isinstance(old, ec.EllipticCurvePublicKey)
        try:
            proved = self.nonce + request.csr_der
            old.verify(request.signature, proved, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "PROOF_WRONG: not signed")
        assert request.nonce == self.nonce
        self.proofs += 1
        return pb.RenewReply(issued=self._issue(request.csr_der))

    def _refuse(self, context: Context) -> None:
        if self.refuse is not None:
            context.abort(*self.refuse)

    def _issue(self, csr_der: bytes) -> pb.Issued:
        csr = x509.load_der_x509_csr(csr_der)
        assert csr.is_signature_valid
        key = csr.public_key() if self.certify_key is None else self.certify_key.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        uri = f"spiffe://test/node/{self.certify_name or self.node_id}"
        certificate = self.issuer.certify(key, x509.UniformResourceIdentifier(uri))
        return pb.Issued(
            node_id=self.node_id,
            fleet="test",
            certificate_pem=certificate,
            ca_pem=self.ca_sent or self.issuer.pem,
            collector_time_ms=1,
        )


@contextlib.contextmanager
def enrolling(desk: Desk, folder: Path) -> Iterator[Desk]:
    """Both listeners on loopback, with a certificate of the desk's CA."""
    key = new_key()
    names = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    chain = desk.issuer.certify(key.public_key(), *names)
    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_handlers(desk),))
    credentials = grpc.ssl_server_credentials([(key_pem(key), chain)])
    enrolment_port = server.add_secure_port("127.0.0.1:0", credentials)
    web = ThreadingHTTPServer(("127.0.0.1", 0), _web(desk))
    (folder / "web.pem").write_bytes(key_pem(key) + chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "web.pem")
    web.socket = context.wrap_socket(web.socket, server_side=True)
    desk.place = CollectorPlace(
        host="127.0.0.1",
        name="",
        enrolment_port=enrolment_port,
        fleet_port=1,
        https_port=web.server_address[1],
    )
    server.start()
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield desk
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
        server.stop(None).wait()


def _handlers(desk: Desk) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        "mailfleet.v1.Enrolment",
        {
            "Enrol": _unary(desk.enrol, pb.EnrolRequest.FromString),
            "Renew": _unary(desk.renew, pb.RenewRequest.FromString),
        },
    )


def _unary(
    behave: Callable[[Request, Context], pb.EnrolReply | pb.RenewReply],
    decode: Callable[[bytes], Request],
) -> "grpc.RpcMethodHandler[Request, pb.EnrolReply | pb.RenewReply]":
    return grpc.unary_unary_rpc_method_handler(
        behave,
        request_deserializer=decode,
        response_serializer=lambda reply: reply.SerializeToString(),
    )


def _web(desk: Desk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = desk.issuer.pem if desk.ca_served is None else desk.ca_served
            self.send_response(200 if self.path == "/ca.pem" and body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(datetime.now(timezone.utc) + desk.ahead, usegmt=True)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    return Handler
