"""What is wrong with the agent: a part's problem stands until that part says otherwise."""

import pytest

from agent.health import Health
from agent.state import StateError

FULL = StateError("disk is full", retryable=True)


def refused(health: Health, doing: str) -> None:
    with health.coping(doing):
        raise FULL


def written(health: Health, doing: str) -> None:
    with health.coping(doing):
        pass


def test_a_write_that_succeeds_hides_no_other_that_does_not() -> None:
    health = Health()
    refused(health, "counting the log")
    written(health, "numbering a heartbeat")
    assert health.problems == ("state: counting the log: disk is full",)
    refused(health, "recording a round")
    assert health.state_errors == 2
    written(health, "counting the log")
    assert health.problems == ("state: recording a round: disk is full",)
    written(health, "recording a round")
    assert not health.problems


def test_a_broken_file_ends_the_agent() -> None:
    health = Health()
    with pytest.raises(StateError), health.coping("counting the log"):
        raise StateError("malformed", retryable=False)
    assert not health.problems
