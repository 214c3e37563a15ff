"""Following an export: told of each step, and able to stop it before the next."""

from __future__ import annotations

import pytest

from alur_nb.authoring.following import Following
from alur_nb.runtime.errors import RunCancelledError


def test_nobody_needs_to_listen() -> None:
    Following().on_cell(1, 2, "declares orders")
    Following().stage("writes 1 job")


def test_a_step_is_told_until_it_is_cancelled() -> None:
    told: list[str] = []
    following = Following(on_stage=told.append)
    following.stage("first")
    following.cancelled.set()
    with pytest.raises(RunCancelledError, match="the bundle on disk is as it was") as caught:
        following.stage("second")
    assert told == ["first"]
    assert caught.value.fix
