"""The journal in memory offers what floor 2 uses, and says what it leaves out."""

from typing import Protocol

import pytest

from collector.ports import (
    AccessStore,
    IdentityStore,
    IntakeStore,
    JudgementStore,
    ReignStore,
    ViewStore,
)
from tests.simulation.store import LEFT_OUT, MemoryStore


def methods(port: type) -> set[str]:
    return {name for name in vars(port) if not name.startswith("_")} - set(vars(Protocol))


@pytest.mark.parametrize(
    "port", [AccessStore, IdentityStore, IntakeStore, JudgementStore, ReignStore, ViewStore]
)
def test_only_the_views_named_are_missing(port: type) -> None:
    missing = methods(port) - set(dir(MemoryStore))
    assert missing == (LEFT_OUT if port is ViewStore else set())
