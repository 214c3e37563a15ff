from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring.parameters import parameter_defaults, typed_by_notebook, typed_parameters
from alur_nb.runtime.errors import ExportError, SettingsError
from tests.authoring.notebooks import make

CELL = (
    "'''What may be given.'''\nimport os\nlimit = 10\nshare: float = 0.5\nday = '2024'\nfull = False\nnames = ['a']\nany_ = None",
    "parameters",
)
DEFAULTS = {"limit": 10, "share": 0.5, "day": "2024", "full": False, "names": ["a"], "any_": None}


def test_defaults_are_the_cells_literals(tmp_path: Path) -> None:
    assert parameter_defaults(make(tmp_path, "x = 1", CELL)) == DEFAULTS
    assert parameter_defaults(make(tmp_path, "x = 1")) == {}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, {}),
        ({"limit": 3, "day": "x"}, {"limit": 3, "day": "x"}),
        ({"limit": "-3"}, {"limit": -3}),
        ({"share": "0.25"}, {"share": 0.25}),
        ({"share": 1}, {"share": 1}),
        ({"full": "TRUE"}, {"full": True}),
        ({"names": '["b", "c"]'}, {"names": ["b", "c"]}),
        ({"any_": 1, "day": "7"}, {"any_": 1, "day": "7"}),
    ],
)
def test_a_value_has_the_type_of_its_default(
    given: dict[str, object], read: dict[str, object], tmp_path: Path
) -> None:
    assert typed_parameters(make(tmp_path, CELL), given) == read


@pytest.mark.parametrize(
    "given",
    [
        {"limit": "many"},
        {"limit": 1.5},
        {"limit": True},
        {"full": 1},
        {"full": "yes"},
        {"day": 1},
        {"names": "{}"},
        {"names": "["},
    ],
)
def test_a_value_of_another_type_is_refused(given: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="by its default") as caught:
        typed_parameters(make(tmp_path, CELL), given)
    assert caught.value.fix


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no parameter `limits` \(did you mean `limit`\?\)"):
        typed_parameters(make(tmp_path, CELL), {"limits": 1})


def test_parameters_without_their_cell_are_refused_with_the_cell_to_add(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no cell tagged `parameters`") as caught:
        typed_parameters(make(tmp_path, "limit = 1"), {"limit": 2})
    assert (caught.value.fix or "").endswith("\nlimit = 2")


def test_two_parameters_cells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Cell 1 and cell 3 are both tagged"):
        parameter_defaults(make(tmp_path, ("a = 1", "parameters"), "x = 1", ("b = 1", "parameters")))


@pytest.mark.parametrize(
    "line", ["x = 1 + 1", "x = y", "a, b = 1, 2", "x.y = 1", "print(1)", "x += 1", "def f(): ..."]
)
def test_what_is_no_literal_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="more than literals") as caught:
        parameter_defaults(make(tmp_path, (f"ok = 1\n{line}", "parameters")))
    assert caught.value.place is not None
    assert (caught.value.place.cell, caught.value.place.line) == (1, 2)


def test_of_several_notebooks_each_gets_its_own_parameters(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    one, two = make(tmp_path / "one", CELL), make(tmp_path / "two", ("limit = 'all'", "parameters"))
    plain = make(tmp_path / "three", "x = 1")
    assert typed_by_notebook([one, two, plain], {"limit": "3", "day": "x"}) == {
        one.path: {"limit": 3, "day": "x"},
        two.path: {"limit": "3"},
        plain.path: {},
    }
    assert typed_by_notebook([one, two, plain], {}) == {}
    with pytest.raises(SettingsError, match=r"No notebook .* `limt` \(did you mean `limit`\?\)"):
        typed_by_notebook([one, two], {"limt": "3"})
    with pytest.raises(SettingsError, match="is int by its default"):
        typed_by_notebook([one, plain], {"limit": "three"})
    with pytest.raises(SettingsError) as caught:
        typed_by_notebook([plain, plain], {"limit": "3"})
    assert "tag it `parameters`" in str(caught.value.fix)
    with pytest.raises(ExportError, match="no cell tagged `parameters`"):
        typed_by_notebook([plain], {"limit": "3"})
