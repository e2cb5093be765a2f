"""What a rule asks for, before it is said of whom. Decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Evidence = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`is_critical`: on a confirmed listing of a critical zone, which only the zone brake may hold.
    `listed_at`: since when that listing is known; None: only now. `is_corroborated`: a second
    resolver and the receivers' own replies say the same. `expires_at`, `probe_at`: of the pause it
    asks for.
    """

    rule: str
    evidence: Evidence
    zone: str | None = None
    listed_at: datetime | None = None
    is_critical: bool = False
    is_corroborated: bool = False
    expires_at: datetime | None = None
    probe_at: datetime | None = None
