from __future__ import annotations

import subprocess
import sys

import pytest

import alur_nb


@pytest.mark.parametrize("name", alur_nb.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(alur_nb, name)
    assert name == "__version__" or value.__doc__


def test_the_list_and_the_homes_agree() -> None:
    assert set(alur_nb.__all__) == set(alur_nb._HOME_OF) | {"__version__", "load_ipython_extension"}
    assert set(dir(alur_nb)) == set(alur_nb.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'BronzTable'"):
        alur_nb.BronzTable  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, alur_nb; print([m for m in sys.modules if m.split('.')[0] in ('pyspark', 'IPython', 'pandas')])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_what_a_script_declares_first_of_all_is_in_its_project() -> None:
    code = (
        "from alur_nb import BronzeTable, IntegerField\n"
        "class OrdersBronze(BronzeTable):\n    id = IntegerField()\n"
        "from alur_nb import current_project\nprint(list(current_project().tables))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "['bronze.orders']\n"
