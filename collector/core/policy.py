"""Every threshold the core uses: one frozen, bounded value with a revision."""

from dataclasses import dataclass, fields
from datetime import timedelta
from enum import Enum


class PauseListed(Enum):
    """Whose listings may pause an address: of critical zones alone; also of major ones, by two
    operators or by one for long; or any at all."""

    CRITICAL = "critical"
    MAJOR = "major"
    ANY = "any"


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Defaults are DESIGN's; BOUNDS keep each from being made harmless by accident."""

    revision: int = 1
    heartbeat_interval: timedelta = _seconds(30)
    heartbeat_jitter: timedelta = _seconds(3)
    sweep_critical: timedelta = _seconds(300)
    # Liveness, in heartbeat intervals.
    late_after_intervals: float = 1.5
    lost_after_intervals: float = 3.0
    back_after_heartbeats: int = 2
    grace_intervals_min: float = 4.0
    grace_intervals: float = 3.0
    reconnects_per_second: float = 200.0
    # The detector's health.
    loop_lag_max: timedelta = _seconds(1)
    commit_lag_max: timedelta = _seconds(5)
    silent_nodes_max: int = 2
    silent_ratio_max: float = 0.20
    freeze_ends_after: timedelta = _seconds(600)
    # Listings. The second sweep and the repeated look are fractions of a sweep's pace.
    second_sweep_after: timedelta = _seconds(60)
    look_again_after: timedelta = _seconds(60)
    clean_rounds: int = 2
    blind_after: timedelta = _seconds(3600)
    # Which listings pause. A rise: so many times the rate of before, and so much more of it.
    pause_listed: PauseListed = PauseListed.MAJOR
    major_operators: int = 2
    major_alone_after: timedelta = _seconds(86_400)
    rise_times: float = 1.5
    rise_points: float = 0.02
    # Rates, as shares of what was tried. A volume below both minima has no rate.
    rate_day_min: int = 200
    rate_week_min: int = 50
    bounce_alert: float = 0.05
    bounce_pause: float = 0.10
    bounce_close: float = 0.03
    complaint_alert: float = 0.001
    complaint_pause: float = 0.003
    complaint_close: float = 0.0005
    complaints_min: int = 3
    rate_pause_lasts: timedelta = _seconds(86_400)
    deferral_alert: float = 0.08
    # One address at one receiver, in a quarter of an hour.
    blocked_attempts_min: int = 20
    blocked_ratio: float = 0.90
    blocked_close: float = 0.50
    probe_after: timedelta = _seconds(7200)
    probe_messages: int = 5
    # The machine, and what is published of it.
    disk_alert: float = 0.80
    disk_pause: float = 0.95
    disk_close: float = 0.90
    cpu_alert: float = 0.90
    cpu_alert_after: timedelta = _seconds(900)
    service_down_after: timedelta = _seconds(30)
    dns_broken_after: timedelta = _seconds(600)
    targets_missed_after: timedelta = _seconds(3600)
    score_drop_ratio: float = 0.10
    score_drop_points: float = 5
    # A node that hears no collector pauses itself.
    standing_after: timedelta = _seconds(900)
    standing_sweeps: int = 2
    # Brakes.
    zone_brake_addresses: int = 3
    zone_brake_ratio: float = 0.20
    zone_brake_holds: timedelta = _seconds(1800)
    # So many refusals for reputation in a quarter of an hour are a receiver's own word.
    receiver_confirms_min: int = 5
    floor_ratio: float = 0.60
    velocity_ratio: float = 0.05
    readmission_ratio: float = 0.10
    velocity_span: timedelta = _seconds(300)
    # What is not yet obeyed or not in step.
    obey_within: timedelta = _seconds(60)
    clock_skew_max: timedelta = _seconds(60)
    # Warm-up: which days count, and what trouble holds a plan or takes a stage back.
    warmup_sent_ratio_min: float = 0.5
    warmup_over_ratio: float = 1.1
    warmup_trouble_min: int = 3
    warmup_bounce_hold: float = 0.05
    warmup_bounce_back: float = 0.10
    warmup_deferral_hold: float = 0.08
    warmup_deferral_back: float = 0.25
    warmup_complaint_hold: float = 0.001
    warmup_complaint_back: float = 0.003
    warmup_idle_days: int = 30
    warmup_listed_long: timedelta = _seconds(86400)
    warmup_day_lag: timedelta = _seconds(1800)
    # Above it an hour does not say what an address can do.
    best_hour_trouble: float = 0.05
    # Rotation: how far a share moves at once and what is no change at all; what a grant may be.
    share_step: float = 0.25
    share_still: float = 0.05
    share_every: timedelta = _seconds(900)
    grant_messages_max: int = 10000
    grant_lifetime_max: timedelta = _seconds(3600)
    grant_report_lag: timedelta = _seconds(180)
    # Notifications. What is neither High nor a listing is gathered for a while; more subjects than
    # this of one cause fold, and are told at the pace; unacknowledged High is said again.
    notify_gather: timedelta = _seconds(30)
    notify_fold_above: int = 5
    notify_fold_pace: timedelta = _seconds(900)
    notify_again_after: timedelta = _seconds(14_400)
    # A cause that comes back so soon opens its incident again; from the second time on, its end is
    # believed after this calm.
    reopens_within: timedelta = _seconds(3600)
    calm_after_flapping: timedelta = _seconds(900)


# (least, most), both allowed; timedelta bounds in seconds.
BOUNDS: dict[str, tuple[float, float]] = {
    "revision": (1, 2**53),
    "heartbeat_interval": (1, 300),
    "heartbeat_jitter": (0, 60),
    "sweep_critical": (5, 3600),
    "late_after_intervals": (1.1, 3),
    "lost_after_intervals": (2, 20),
    "back_after_heartbeats": (1, 10),
    "grace_intervals_min": (2, 40),
    "grace_intervals": (2, 40),
    "reconnects_per_second": (10, 2000),
    "loop_lag_max": (0.05, 10),
    "commit_lag_max": (0.1, 60),
    "silent_nodes_max": (1, 100),
    "silent_ratio_max": (0.05, 0.5),
    "freeze_ends_after": (2, 7200),
    "second_sweep_after": (1, 3600),
    "look_again_after": (1, 3600),
    "clean_rounds": (2, 20),
    "blind_after": (10, 86400),
    "major_operators": (2, 10),
    "major_alone_after": (3600, 30 * 86_400),
    "rise_times": (1.1, 10),
    "rise_points": (0.005, 0.5),
    "rate_day_min": (20, 100_000),
    "rate_week_min": (20, 100_000),
    "bounce_alert": (0.005, 0.5),
    "bounce_pause": (0.02, 0.5),
    "bounce_close": (0.001, 0.4),
    "complaint_alert": (0.0001, 0.05),
    "complaint_pause": (0.0005, 0.05),
    "complaint_close": (0.0001, 0.04),
    "complaints_min": (1, 1000),
    "rate_pause_lasts": (3600, 14 * 86_400),
    "deferral_alert": (0.01, 0.9),
    "blocked_attempts_min": (5, 10_000),
    "blocked_ratio": (0.5, 1),
    "blocked_close": (0.05, 0.95),
    "probe_after": (600, 86_400),
    "probe_messages": (1, 100),
    "disk_alert": (0.3, 0.99),
    "disk_pause": (0.5, 0.99),
    "disk_close": (0.3, 0.98),
    "cpu_alert": (0.3, 1),
    "cpu_alert_after": (60, 86_400),
    "service_down_after": (0, 900),
    "dns_broken_after": (0, 86_400),
    "targets_missed_after": (300, 86_400),
    "score_drop_ratio": (0.01, 0.9),
    "score_drop_points": (1, 50),
    "standing_after": (120, 86_400),
    "standing_sweeps": (2, 20),
    "zone_brake_holds": (60, 86_400),
    "receiver_confirms_min": (1, 1000),
    "velocity_ratio": (0.01, 0.5),
    "readmission_ratio": (0.01, 1),
    "velocity_span": (10, 3600),
    "zone_brake_addresses": (1, 100),
    "zone_brake_ratio": (0.01, 0.5),
    "floor_ratio": (0.3, 0.95),
    "obey_within": (5, 600),
    "clock_skew_max": (1, 3600),
    "warmup_sent_ratio_min": (0.1, 1),
    "warmup_over_ratio": (1, 2),
    "warmup_trouble_min": (1, 50),
    "warmup_bounce_hold": (0.01, 0.2),
    "warmup_bounce_back": (0.02, 0.5),
    "warmup_deferral_hold": (0.02, 0.5),
    "warmup_deferral_back": (0.05, 0.9),
    "warmup_complaint_hold": (0.0001, 0.003),
    "warmup_complaint_back": (0.0005, 0.01),
    "warmup_idle_days": (7, 90),
    "warmup_listed_long": (3600, 604800),
    "warmup_day_lag": (1200, 21600),
    "best_hour_trouble": (0.01, 0.5),
    "share_step": (0.05, 1),
    "share_still": (0, 0.5),
    "share_every": (60, 3600),
    "grant_messages_max": (1, 1000000),
    "grant_lifetime_max": (60, 86400),
    "grant_report_lag": (60, 900),
    "notify_gather": (0, 300),
    "notify_fold_above": (1, 50),
    "notify_fold_pace": (10, 3600),
    "notify_again_after": (60, 86_400),
    "reopens_within": (1, 86_400),
    "calm_after_flapping": (1, 7200),
}


def problems(policy: Policy) -> tuple[str, ...]:
    """Every value outside its bounds, as sentences; empty when the policy may be used."""
    return tuple(
        f"{name} = {value:g} is outside {BOUNDS[name][0]:g} to {BOUNDS[name][1]:g}"
        for name, value in ((name, _number(policy, name)) for name in _numbers())
        if not BOUNDS[name][0] <= value <= BOUNDS[name][1]
    )


def _numbers() -> tuple[str, ...]:
    """Every field but the ones that are words."""
    return tuple(item.name for item in fields(Policy) if not isinstance(item.default, Enum))


def _number(policy: Policy, name: str) -> float:
    value = getattr(policy, name)
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
