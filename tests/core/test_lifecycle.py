"""The table of moves, walked whole, and the word people read."""

from itertools import product
from pathlib import Path

import pytest

from collector.core import lifecycle
from collector.core.model import Lifecycle, Liveness, Pause, Reason, Severity
from tests.core import fleet

ALL = set(product(Lifecycle, Lifecycle))
LEGAL = {(before, after) for before, row in lifecycle.TRANSITIONS.items() for after in row}


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL, key=str))
def test_the_table_is_allowed(before: Lifecycle, after: Lifecycle) -> None:
    assert lifecycle.may_move(before=before, after=after)


@pytest.mark.parametrize(("before", "after"), sorted(ALL - LEGAL, key=str))
def test_everything_not_in_the_table_is_refused(before: Lifecycle, after: Lifecycle) -> None:
    assert not lifecycle.may_move(before=before, after=after)


def test_only_the_end_ends() -> None:
    ends = {one for one, row in lifecycle.TRANSITIONS.items() if not row}
    assert ends == {Lifecycle.DECOMMISSIONED}


WIDE = fleet.pause(Reason.OPERATOR, ip=None)
ONE = fleet.pause(Reason.LISTED)


@pytest.mark.parametrize(
    ("stage", "liveness", "pauses", "addresses", "word"),
    [
        (Lifecycle.DECOMMISSIONED, Liveness.LOST, (WIDE,), 1, "decommissioned"),
        (Lifecycle.FAILED, Liveness.FRESH, (), 1, "failed"),
        (Lifecycle.REQUESTED, Liveness.UNHEARD, (), 0, "provisioning"),
        (Lifecycle.ACTIVE, Liveness.LOST, (WIDE,), 1, "unhealthy"),
        (Lifecycle.ACTIVE, Liveness.FRESH, (WIDE,), 1, "paused"),
        (Lifecycle.ACTIVE, Liveness.FRESH, (ONE,), 1, "paused"),
        (Lifecycle.ACTIVE, Liveness.FRESH, (ONE,), 2, "active"),
        (Lifecycle.MAINTENANCE, Liveness.FRESH, (WIDE,), 1, "paused"),
        (Lifecycle.DRAINING, Liveness.FRESH, (), 1, "maintenance"),
        (Lifecycle.WARMING, Liveness.LATE, (), 1, "warming"),
        (Lifecycle.ACTIVE, Liveness.UNHEARD, (), 1, "active"),
    ],
)
def test_the_word_is_the_first_that_fits(
    stage: Lifecycle, liveness: Liveness, pauses: tuple[Pause, ...], addresses: int, word: str
) -> None:
    ips = [f"198.51.100.{i + 1}" for i in range(addresses)]
    assert lifecycle.status(stage, liveness, pauses=pauses, addresses=ips) == word


@pytest.mark.parametrize(
    ("liveness", "alerts", "pauses", "word"),
    [
        (Liveness.LOST, (), (), "critical"),
        (Liveness.FRESH, (Severity.HIGH,), (), "critical"),
        (Liveness.FRESH, (Severity.MEDIUM,), (), "degraded"),
        (Liveness.FRESH, (), (ONE,), "degraded"),
        (Liveness.LATE, (Severity.LOW,), (), "healthy"),
    ],
)
def test_the_owners_health(
    liveness: Liveness, alerts: tuple[Severity, ...], pauses: tuple[Pause, ...], word: str
) -> None:
    assert lifecycle.health_status(liveness, alerts=alerts, pauses=pauses) == word


def test_the_readme_shows_the_table_of_the_code() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = readme.partition("<!-- lifecycle -->")[2].partition("<!-- /lifecycle -->")[0]
    assert shown.strip() == lifecycle.table()
