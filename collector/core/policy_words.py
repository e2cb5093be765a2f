"""What every value of the policy does, in one line for people. Knows no rule."""

from collector.core import policy_values
from collector.core.policy import Policy

DOES: dict[str, str] = {
    "heartbeat_interval": "how often an agent reports",
    "heartbeat_jitter": "how far reports of many agents are spread",
    "sweep_critical": "how often an agent asks critical zones; a round of the zone brake",
    "late_after_intervals": "silence after which a node is late, in intervals",
    "lost_after_intervals": "silence after which a node leaves the rotation, in intervals",
    "back_after_heartbeats": "heartbeats in a row that bring a lost node back",
    "grace_intervals_min": "shortest grace after our own start, in intervals",
    "grace_intervals": "grace after our own start before the storm of reconnects, in intervals",
    "reconnects_per_second": "how many agents a core greets in a second",
    "loop_lag_max": "our own loop may stand still so long before silence is disbelieved",
    "commit_lag_max": "the journal may take so long before silence is disbelieved",
    "silent_nodes_max": "so many nodes of a pool may fall silent together",
    "silent_ratio_max": "such a part of a pool may fall silent together",
    "freeze_ends_after": "how long our ears must be healthy before silence counts again",
    "second_sweep_after": "age of a hit at which the node's own second sweep may confirm it",
    "look_again_after": "how long the collector's resolver waits before it asks again",
    "clean_rounds": "clean sweeps in a row that end a listing",
    "blind_after": "no usable answer from any critical zone for so long raises an alert",
    "zone_brake_addresses": "so many addresses newly listed on one zone never trip its brake",
    "zone_brake_ratio": "part of the fleet newly listed on one zone that trips its brake",
    "floor_ratio": "part of a pool's healthy baseline that the brakes never go below",
    "obey_within": "how long a node may take to show that it is silent",
    "clock_skew_max": "how far a node's clock may differ from ours",
    "warmup_sent_ratio_min": "part of a day's cap that must be sent for the day to count",
    "warmup_over_ratio": "sending so far above the cap is told",
    "warmup_trouble_min": "so many troubled recipients are chance",
    "warmup_bounce_hold": "bounces of a day that hold a warm-up",
    "warmup_bounce_back": "bounces of a day that take a warm-up one stage back",
    "warmup_deferral_hold": "deferrals of a day that hold a warm-up",
    "warmup_deferral_back": "deferrals of a day that take a warm-up one stage back",
    "warmup_complaint_hold": "complaints of a day that hold a warm-up",
    "warmup_complaint_back": "complaints of a day that take a warm-up one stage back",
    "warmup_idle_days": "days without mail after which an address warms up again",
    "warmup_listed_long": "a listing that lasted so long takes two stages back instead of one",
    "warmup_day_lag": "how long after its end a day is judged, for what arrives late",
    "share_step": "how far a share moves at once",
    "share_still": "a change of a share smaller than this is none",
    "share_every": "how often shares move",
    "grant_messages_max": "messages one grant may promise",
    "grant_lifetime_max": "how long a grant may be used",
    "grant_report_lag": "how late the report of a grant's use may come",
    "notify_gather": "how long notifications are gathered that may wait",
    "notify_fold_above": "more subjects of one cause than this are one incident",
    "notify_fold_pace": "how often a folded incident is told",
    "notify_again_after": "an unacknowledged High alert is said again after this",
    "reopens_within": "a cause that comes back so soon opens its incident again",
    "calm_after_flapping": "calm after which the end of a flapping cause is believed",
}


def unit(name: str) -> str:
    """`seconds`, `intervals`, `ratio` or nothing: a count."""
    if policy_values.is_duration(name):
        return "seconds"
    if name.endswith("_intervals") or name.startswith("grace_intervals"):
        return "intervals"
    return "ratio" if isinstance(getattr(Policy(), name), float) else ""
