"""Who is at the other end of a call: what its TLS certificate says, and nothing else."""

import hashlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from collector.ports import Refused

SPIFFE = "spiffe://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`fingerprint`: SHA-256 of the certificate's DER, hex."""

    fleet: str
    node_id: str
    fingerprint: str


def identify(auth: Mapping[str, Iterable[bytes]]) -> Peer:
    """From gRPC's authentication context. Refused CERTIFICATE_WRONG."""
    pems = list(auth.get("x509_pem_cert", ()))
    names = [
        name.decode("utf-8", "replace") for name in auth.get("x509_subject_alternative_name", ())
    ]
    uris = [name for name in names if name.startswith(SPIFFE)]
    if len(pems) != 1 or len(uris) != 1:
        raise Refused("CERTIFICATE_WRONG", "the certificate does not name one node of a fleet")
    fleet, _, path = uris[0].removeprefix(SPIFFE).partition("/")
    kind, _, node_id = path.partition("/")
    if not fleet or kind != "node" or not node_id or "/" in node_id:
        raise Refused("CERTIFICATE_WRONG", f"{uris[0][:200]} does not name a node")
    der = ssl.PEM_cert_to_DER_cert(pems[0].decode("ascii", "replace"))
    return Peer(fleet=fleet, node_id=node_id, fingerprint=hashlib.sha256(der).hexdigest())


def origin(peer: str) -> str:
    """The address in gRPC's name of a peer: ipv4:192.0.2.7:41234, ipv6:%5B::1%5D:41234."""
    family, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if family in ("ipv4", "ipv6") else peer


def check_fleet(peer: Peer, fleet: str) -> None:
    """Refused OTHER_FLEET."""
    if peer.fleet != fleet:
        raise Refused(
            "OTHER_FLEET", f"this is the collector of {fleet!r}, you are of {peer.fleet!r}"
        )
