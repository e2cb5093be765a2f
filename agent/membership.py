"""Where this node belongs: the collector's place, and what the node proves itself with. Pure."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorPlace:
    """Where the collector listens. `name`: what its certificate is for, when not its host."""

    host: str
    name: str
    enrolment_port: int
    fleet_port: int
    https_port: int

    def target(self, port: int) -> str:
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What this node proves itself with, and whom it trusts (PEM). The key is in no repr."""

    node_id: str
    fleet: str
    not_before: datetime
    not_after: datetime
    key: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    ca: bytes = field(repr=False)

    def renewal_at(self) -> datetime:
        """Two thirds through the certificate's life."""
        return self.not_before + (self.not_after - self.not_before) * 2 / 3
