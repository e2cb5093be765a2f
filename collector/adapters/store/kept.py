"""What readers carry on in memory from one reading to the next, of one journal."""

from dataclasses import dataclass, field

from collector.adapters.store.baselines import Baselines
from collector.adapters.store.troubled import Troubled


@dataclass(frozen=True, slots=True)
class Kept:
    baselines: Baselines = field(default_factory=Baselines)
    troubled: Troubled = field(default_factory=Troubled)
