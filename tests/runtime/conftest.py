"""The simulated worlds, for tests of what must hold on both kinds of ledger and lake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.world import World
from tests.crash.world_aws import AwsWorld


@pytest.fixture(params=[World, AwsWorld], ids=["local", "aws"])
def new_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world in which nothing has landed yet."""
    with request.param() as one:
        yield one


@pytest.fixture
def world(new_world: World) -> World:
    """A world whose first file, of two good rows and a bad one, is loaded."""
    new_world.land("orders/1", rows=2, bad=1)
    new_world.run()
    return new_world
