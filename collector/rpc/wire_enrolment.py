"""Messages of the enrolment service: bytes in and out, our own values inside."""

from collector.identity import Applicant, Issued, Renewal
from collector.rpc import bounds, wire_values
from collector.rpc.bounds import NAME_MAX, WireError
from protos import fleet_pb2 as pb

ENROLMENT = pb.DESCRIPTOR.services_by_name["Enrolment"].full_name


def decode_enrol(data: bytes, origin: str) -> Applicant:
    """A node's request to join."""
    m = pb.EnrolRequest()
    wire_values.parse(m, data)
    if not m.addresses:
        raise WireError("addresses: none")
    return Applicant(
        token=bounds.text("token", value=m.token),
        csr_der=m.csr_der,
        machine_id=bounds.name("machine_id", value=m.machine_id),
        hostname=bounds.name("hostname", value=m.hostname, most=bounds.LONG_NAME_MAX),
        addresses=bounds.addresses(m.addresses),
        agent_version=bounds.text("agent_version", value=m.agent_version, most=NAME_MAX),
        sent_at=bounds.moment("sent_at", m.sent_at_ms),
        origin=origin,
    )


def decode_renew(data: bytes, origin: str) -> Renewal:
    """Either call of a renewal; without a signature it asks for a nonce."""
    m = pb.RenewRequest()
    wire_values.parse(m, data)
    return Renewal(
        certificate_der=m.certificate_der,
        csr_der=m.csr_der,
        nonce=m.nonce,
        signature=m.signature,
        origin=origin,
    )


def encode_enrolled(issued: Issued) -> bytes:
    return pb.EnrolReply(issued=_issued(issued)).SerializeToString()


def encode_renewed(issued: Issued) -> bytes:
    return pb.RenewReply(issued=_issued(issued)).SerializeToString()


def encode_nonce(nonce: bytes) -> bytes:
    return pb.RenewReply(nonce=nonce).SerializeToString()


def _issued(issued: Issued) -> pb.Issued:
    return pb.Issued(
        node_id=issued.node_id,
        fleet=issued.fleet,
        certificate_pem=issued.certificate_pem,
        ca_pem=issued.ca_pem,
        collector_time_ms=wire_values.milliseconds(issued.at),
    )
