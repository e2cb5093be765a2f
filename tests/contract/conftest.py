"""What most tests of a store ask for."""

import pytest

from tests.store_bed import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
