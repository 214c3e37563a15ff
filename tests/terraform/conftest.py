from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.moto import moto
from tests.terraform.cases import LAKE, SETTINGS
from tests.terraform.rehearsal import Rehearsal, make_mirror


@pytest.fixture(scope="session")
def provider_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mirror(tmp_path_factory.mktemp("mirror"))


@pytest.fixture(scope="session")
def lake_plan(provider_settings: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plan of the whole case, read by many tests and changed by none."""
    rehearsal = Rehearsal(tmp_path_factory.mktemp("lake"), provider_settings)
    rehearsal.write(LAKE, SETTINGS)
    rehearsal.init()
    return rehearsal.plan()


@pytest.fixture
def rehearsal(provider_settings: Path, tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path, provider_settings)


@pytest.fixture
def on_server(rehearsal: Rehearsal, tmp_path: Path) -> Iterator[Rehearsal]:
    """A rehearsal whose apply makes things on a server of AWS's APIs."""
    (tmp_path / "moto").mkdir()
    with moto(tmp_path / "moto") as endpoint:
        rehearsal.endpoint = endpoint
        yield rehearsal
