"""The daemon as it is at present, in plain values for `status` and systemd. Writes nothing."""

import os

from agent.enforcement import Enforcement
from agent.state import State
from agent.uplink import Uplink


def describe(
    state: State, enforcement: Enforcement, *, uplink: Uplink, problems: tuple[str, ...]
) -> dict[str, object]:
    """The daemon as it is at this moment, ready for JSON."""
    reading, wanted, unknown = enforcement.reading, enforcement.in_force, state.unknown_lines
    silence = enforcement.self_silence
    return {
        "pid": os.getpid(),
        "is_connected": uplink.is_connected,
        "uplink_problem": uplink.problem,
        "epoch": state.epoch,
        "sequence": state.sequence,
        "acknowledged": state.sequence_acknowledged,
        "pauses": [] if wanted is None else sorted(wanted.reasons),
        "silenced_itself": None if silence is None else silence.why,
        "directive": reading.directive_order,
        "convergence": reading.convergence.value,
        "postfix_problem": reading.problem,
        "is_silent": reading.is_silent,
        "counted_to": None if state.counted_to is None else state.counted_to.isoformat(),
        "unknown_lines": {
            "lines": unknown.lines,
            "unknown": unknown.count,
            "deliveries": unknown.deliveries,
            "overlong": unknown.overlong,
            "daemons": dict(sorted(unknown.by_daemon.items())),
            "newest": unknown.newest,
            "hosts": dict(sorted(unknown.by_host.items())),
        },
        "zones": [
            {
                "address": one.address,
                "zone": one.zone,
                "verdict": one.verdict.value,
                "sentinels": one.sentinels.value,
                "checked_at": one.checked_at.isoformat(),
                "why": one.why,
            }
            for one in state.zone_readings()
        ],
        "problems": problems,
    }
