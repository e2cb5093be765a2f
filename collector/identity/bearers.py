"""Whose a certificate is, held in memory so that a stream is let in without a look-up."""

from collections import defaultdict
from datetime import datetime

from collector.ports import Refused
from collector.ports_identity import Certificate

ENROL_ANEW = "make a token with mailfleet node token and enrol the node anew"


class Bearers:
    """By fingerprint. What is revoked stays known, so that the refusal can say so."""

    def __init__(self) -> None:
        self._known: dict[str, Certificate] = {}
        self._of_node: defaultdict[str, set[str]] = defaultdict(set)
        self._revoked: set[str] = set()

    def add(self, certificate: Certificate) -> None:
        self._known[certificate.fingerprint] = certificate
        self._of_node[certificate.node_id].add(certificate.fingerprint)
        if certificate.revoked_at is not None:
            self._revoked.add(certificate.fingerprint)

    def bearer(self, fingerprint: str) -> str:
        """The node it was issued to. Refused: REVOKED, UNKNOWN_NODE."""
        known = self._known.get(fingerprint)
        if known is None:
            raise Refused(
                "UNKNOWN_NODE", f"this collector issued no such certificate; {ENROL_ANEW}"
            )
        if fingerprint in self._revoked:
            raise Refused(
                "REVOKED",
                f"the certificates of node {known.node_id} are revoked; to let it return,"
                f" {ENROL_ANEW}",
            )
        return known.node_id

    def revoke(self, node_id: str) -> None:
        """None of the node's certificates so far opens a stream again."""
        self._revoked |= self._of_node[node_id]

    def live(self, now: datetime) -> list[Certificate]:
        """Those that neither ended nor were revoked."""
        return [
            known
            for fingerprint, known in self._known.items()
            if now < known.not_after and fingerprint not in self._revoked
        ]

    def live_count(self, node_id: str, now: datetime) -> int:
        """Of one node."""
        return sum(now < self._known[one].not_after for one in self._of_node[node_id])
