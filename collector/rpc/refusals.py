"""A refusal on the wire: a status, and a text that begins with a stable code. Nothing else."""

import grpc

from collector.ports import Refused

STATUS = {
    "CLOCK": grpc.StatusCode.FAILED_PRECONDITION,
    "CERTIFICATE_TOO_OLD": grpc.StatusCode.FAILED_PRECONDITION,
    "REVOKED": grpc.StatusCode.PERMISSION_DENIED,
    "DUPLICATE_IDENTITY": grpc.StatusCode.PERMISSION_DENIED,
    "DECOMMISSIONED": grpc.StatusCode.PERMISSION_DENIED,
    "TOKEN_UNKNOWN": grpc.StatusCode.UNAUTHENTICATED,
    "TOKEN_USED": grpc.StatusCode.UNAUTHENTICATED,
    "TOKEN_EXPIRED": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_UNKNOWN": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_WRONG": grpc.StatusCode.UNAUTHENTICATED,
    "OTHER_FLEET": grpc.StatusCode.UNAUTHENTICATED,
    "UNKNOWN_NODE": grpc.StatusCode.UNAUTHENTICATED,
    "NODE_UNKNOWN": grpc.StatusCode.UNAUTHENTICATED,
    "PROOF_WRONG": grpc.StatusCode.UNAUTHENTICATED,
    "NONCE_WRONG": grpc.StatusCode.UNAUTHENTICATED,
    "RENEWED_TOO_OFTEN": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "TOO_LARGE": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "HELLO_MISSING": grpc.StatusCode.DEADLINE_EXCEEDED,
    "REPLACED": grpc.StatusCode.ABORTED,
    "TOO_SLOW": grpc.StatusCode.ABORTED,
    "JOURNAL": grpc.StatusCode.UNAVAILABLE,
}
# Not a peer's fault: said to it, but no entry in the audit log.
OURS = frozenset({"JOURNAL", "REPLACED"})


def status(refused: Refused) -> grpc.StatusCode:
    """Whatever has no status of its own is a message nobody could make sense of."""
    return STATUS.get(refused.code, grpc.StatusCode.INVALID_ARGUMENT)


def details(refused: Refused) -> str:
    return f"{refused.code}: {refused}"
