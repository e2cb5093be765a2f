"""The demo policy: the same rules and ratios as the defaults, fifteen to sixty times quicker.

A heartbeat every 2 s instead of 30 s, a critical sweep every 5 s instead of 5 minutes; every other
duration keeps its ratio to one of the two.
"""

from dataclasses import replace

from collector.core.policy import Policy

DEFAULT = Policy()
HEARTBEAT = 2 / 30
SWEEP = 5 / 300

DEMO = replace(
    DEFAULT,
    heartbeat_interval=DEFAULT.heartbeat_interval * HEARTBEAT,
    heartbeat_jitter=DEFAULT.heartbeat_jitter * HEARTBEAT,
    sweep_critical=DEFAULT.sweep_critical * SWEEP,
    second_sweep_after=DEFAULT.second_sweep_after * SWEEP,
    look_again_after=DEFAULT.look_again_after * SWEEP,
    blind_after=DEFAULT.blind_after * SWEEP,
    freeze_ends_after=DEFAULT.freeze_ends_after * HEARTBEAT,
    velocity_span=DEFAULT.velocity_span * HEARTBEAT,
    notify_gather=DEFAULT.notify_gather * SWEEP,
    notify_fold_pace=DEFAULT.notify_fold_pace * SWEEP,
    notify_again_after=DEFAULT.notify_again_after * SWEEP,
    reopens_within=DEFAULT.reopens_within * SWEEP,
    calm_after_flapping=DEFAULT.calm_after_flapping * SWEEP,
    # The least the bounds allow: a reload takes its two seconds at any pace.
    obey_within=DEFAULT.obey_within / 12,
)

STATED = (
    ("heartbeat", DEMO.heartbeat_interval, DEFAULT.heartbeat_interval),
    ("critical sweep", DEMO.sweep_critical, DEFAULT.sweep_critical),
    ("second sweep after", DEMO.second_sweep_after, DEFAULT.second_sweep_after),
    ("blind after", DEMO.blind_after, DEFAULT.blind_after),
    ("freeze ends after", DEMO.freeze_ends_after, DEFAULT.freeze_ends_after),
)


def stated() -> str:
    """The policy in words, as the demo prints it at start."""
    parts = (f"{name} {ours.total_seconds():g} s ({real.total_seconds():g} s)"
             for name, ours, real in STATED)  # fmt: skip
    return ", ".join(parts)
