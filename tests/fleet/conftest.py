"""One fleet for tests that leave it as it was."""

from collections.abc import Iterator

import pytest

from tests.fleet.fleets import Fleet, running_fleet


@pytest.fixture(scope="module")
def one_fleet() -> Iterator[Fleet]:
    """A supervisor with one worker."""
    with running_fleet(workers="1") as fleet:
        fleet.ready(1)
        yield fleet
