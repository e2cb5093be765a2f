"""The watchdog's question: do all loops still come back when they said?"""

from datetime import timedelta

from agent.progress import Progress

SECOND = timedelta(seconds=1)


def test_loops_are_given_their_patience_from_the_start() -> None:
    progress = Progress({"follow": 30 * SECOND, "beat": 60 * SECOND}, began=100.0)
    assert progress.stalled(129.0) == ()
    assert progress.stalled(131.0) == ("follow",)
    assert progress.stalled(161.0) == ("follow", "beat")


def test_a_pass_gives_time_for_the_wait_and_the_patience() -> None:
    progress = Progress({"beat": 60 * SECOND}, began=0.0)
    progress.mark("beat", now=1000.0, wait=30 * SECOND)
    assert progress.stalled(1089.0) == ()
    assert progress.stalled(1091.0) == ("beat",)
