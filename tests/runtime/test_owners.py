from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from alur_nb.runtime.owners import (
    LEASE_FRESH_SECONDS,
    glue_owner,
    lives_here,
    local_owner,
    may_live,
    owner_text,
    work_for,
)


@pytest.fixture(autouse=True)
def nameless() -> Iterator[None]:
    """Whatever other tests of this process have worked for."""
    work_for("")
    yield
    work_for("")


NOW = timedelta(0)
STALE = timedelta(seconds=LEASE_FRESH_SECONDS)


def test_the_owner_of_this_process_names_its_pid() -> None:
    assert local_owner().split("/")[1] == str(os.getpid())


def test_a_process_of_this_machine_lives_however_long_it_has_not_renewed() -> None:
    assert may_live(local_owner(), "elsewhere/1/1", STALE)


def test_another_process_with_the_same_pid_is_not_the_owner() -> None:
    host, pid, _ = local_owner().split("/")
    assert not may_live(f"{host}/{pid}/1", local_owner(), NOW)
    # Of a process that could not be looked up when it took the lease nothing is known.
    assert not may_live(f"{host}/{pid}/", local_owner(), NOW)


@pytest.mark.parametrize("asking", ["jr_1_attempt_1", "jr_1", "jr_1_attempt_12"])
def test_an_attempt_of_the_same_glue_run_is_over(asking: str) -> None:
    assert not may_live(glue_owner("jr_1"), glue_owner(asking), NOW)
    assert not may_live(glue_owner("jr_1_attempt_3"), glue_owner(asking), NOW)


@pytest.mark.parametrize("asking", ["glue/jr_10", "glue/jr_1_attempt_", "elsewhere/1/1"])
def test_everyone_else_lives_while_fresh(asking: str) -> None:
    assert may_live(glue_owner("jr_1"), asking, STALE - timedelta(seconds=1))
    assert not may_live(glue_owner("jr_1"), asking, STALE)


def test_an_owner_says_what_it_works_for_and_lives_as_before() -> None:
    alone = local_owner()
    host, pid, _ = alone.split("/")
    work_for("notebooks/shop.ipynb")
    named = local_owner()
    assert named == f"{alone}/notebooks/shop.ipynb"
    assert may_live(named, "elsewhere/1/1", STALE)
    assert owner_text(named) == f"notebooks/shop.ipynb, process {pid} on {host}"
    assert owner_text(alone) == f"process {pid} on {host}"


@pytest.mark.parametrize("owner", ["glue/jr_12ab", "test", "which has just ended"])
def test_what_is_no_process_is_told_as_it_is(owner: str) -> None:
    assert owner_text(owner) == owner
    assert lives_here(owner) is None
