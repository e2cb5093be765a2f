"""What readers carry on in memory from one reading to the next, of one journal."""

from dataclasses import dataclass, field

from collector.adapters.store import rotation
from collector.adapters.store.baselines import Baselines
from collector.adapters.store.counted import Counted
from collector.adapters.store.troubled import Troubled


@dataclass(frozen=True, slots=True)
class Kept:
    baselines: Baselines = field(default_factory=Baselines)
    troubled: Troubled = field(default_factory=Troubled)
    taken_out: Counted[dict[str, int]] = field(
        default_factory=lambda: Counted("moved", rotation.taken_out)
    )
    blocked: Counted[dict[str, dict[str, tuple[int, int]]]] = field(
        default_factory=lambda: Counted("blocks", rotation.blocked)
    )
