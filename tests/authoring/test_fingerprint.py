"""What a pipeline depends on: what counts as a change, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb.authoring.fingerprint import changed, fingerprint
from alur_nb.runtime.project import Project

NOTEBOOK = """
import alur_nb
import math

CUTOFF = 3
LIMITS = {{"eu": [1, 2]}}

class OrdersBronze(alur_nb.BronzeTable):
    id = alur_nb.IntegerField({nullable})

class CopyBronze(alur_nb.BronzeTable):
    id = alur_nb.IntegerField()

class Rules:
    def allow(self, frame):
        return frame.where("{rule}")

def clean(frame):
    return frame.where(f"id > {{CUTOFF}}")

def unused(frame):
    return frame.{unused}

def is_fine(df):
    return {fine}, "fine"

@alur_nb.expect("fine", is_fine)
@alur_nb.pipeline(sources={{"orders": {source}(OrdersBronze)}}, target=CopyBronze)
def copy_orders(orders{default}):
    {comment}
    inner = lambda frame: Rules().allow(clean(frame))
    return inner(orders.limit(LIMITS["eu"][0])).limit(math.floor({number}))
"""
AS_IT_IS = {
    "nullable": "",
    "rule": "id > 1",
    "unused": "first()",
    "fine": "True",
    "source": "alur_nb.new",
    "default": "",
    "comment": "",
    "number": "1.5",
}


def parts(names: dict[str, Any] | None = None, **texts: str) -> dict[str, str]:
    """Run the notebook with some of its texts changed, and names bound after it."""
    project = Project()
    from alur_nb.runtime.project import use_project

    namespace: dict[str, Any] = {"__name__": "__main__"}
    with use_project(project):
        exec(compile(NOTEBOOK.format(**{**AS_IT_IS, **texts}), "<cell>", "exec"), namespace)
    namespace |= names or {}
    return fingerprint(project.pipeline("copy_orders"))


def test_the_parts_are_the_pipeline_its_tables_and_the_names_it_uses() -> None:
    assert list(parts()) == [
        "pipeline copy_orders", "table bronze.copy", "table bronze.orders", "LIMITS", "Rules", "clean", "CUTOFF",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ({"number": "2.5"}, "pipeline copy_orders"),
        ({"default": ", more=3"}, "pipeline copy_orders"),
        ({"fine": "False"}, "pipeline copy_orders"),
        ({"nullable": "nullable=False"}, "table bronze.orders"),
        ({"rule": "id > 2"}, "Rules"),
    ],
)
def test_a_change_is_of_its_part(text: dict[str, str], part: str) -> None:
    assert changed(parts(), parts(**text)) == (part,)


@pytest.mark.parametrize(("name", "value"), [("CUTOFF", 4), ("LIMITS", {"eu": [1, 3]}), ("clean", len)])
def test_a_name_that_is_bound_to_something_else_is_a_change(name: str, value: object) -> None:
    assert name in changed(parts(), parts({name: value}))


def test_values_are_told_as_far_as_it_costs_little() -> None:
    ring: list[object] = []
    ring.append(ring)
    large = list(range(100_000))
    assert changed(parts({"LIMITS": ring}), parts({"LIMITS": ring})) == ()
    assert changed(parts({"LIMITS": large}), parts({"LIMITS": large[::-1]})) == ()
    assert changed(parts({"LIMITS": large}), parts({"LIMITS": large[1:]})) == ("LIMITS",)
    assert changed(parts({"LIMITS": {1: object()}}), parts({"LIMITS": {1: object()}})) == ()


def test_an_attribute_is_not_the_name_of_the_notebook() -> None:
    assert "limit" not in parts({"limit": 3})


def test_what_does_not_matter_is_no_change() -> None:
    assert changed(parts(), parts({"LIMITS": {"eu": [1, 2]}})) == ()
    assert changed(parts(), parts(comment="# a comment\n", unused="last()")) == ()


WRAPPED = {
    "a cached function": "@functools.lru_cache\ndef used(x): return x + {}",
    "a function in a table": "def inner(x): return x + {}\nused = {{'one': [inner]}}",
    "what a function in a table calls": (
        "def inner(x): return x + {}\ndef outer(x): return inner(x)\nused = {{'one': outer}}"
    ),
    "a function with some arguments given": "used = functools.partial(max, {})",
    "a static method": "class used:\n  @staticmethod\n  def of(x): return x + {}",
    "a class's attribute": "class used:\n  RATE = {}",
    "an object's method": "class Kind:\n  def of(self): return {}\nused = Kind()",
    "an object's field": "@dataclasses.dataclass\nclass Kind:\n  rate: int\nused = Kind({})",
    "an object's slot": (
        "class Kind:\n  __slots__ = ('rate',)\n  def __init__(self): self.rate = {}\nused = Kind()"
    ),
    "an enum": "class used(enum.Enum):\n  A = {}",
    "a pattern": "used = re.compile('a{}')",
    "a path": "used = pathlib.Path('a{}')",
    "a schema": "used = types.StructType([types.StructField('a{}', types.IntegerType())])",
    "a default that is a function": "def inner(x): return x + {}\ndef used(x, by=inner): return by(x)",
}
HEAD = "import dataclasses, enum, functools, pathlib, re\nfrom pyspark.sql import types\n"


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_what_a_value_of_the_notebook_wraps_is_looked_into(text: str) -> None:
    def made(number: int) -> dict[str, str]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(HEAD + text.format(number), "<cell>", "exec"), namespace)
        return parts({"CUTOFF": namespace["used"]})

    assert changed(made(1), made(2))
    assert changed(made(1), made(1)) == ()


def test_the_function_in_a_udf_is_looked_into_though_its_wrapper_is_installed() -> None:
    def made(number: int) -> dict[str, str]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(f"def inner(x): return x + {number}", "<cell>", "exec"), namespace)
        text = "import functools\n@functools.wraps(inner)\ndef used(*args): return None"
        exec(compile(text, "/x/site-packages/pyspark/sql/udf.py", "exec"), namespace)
        return parts({"CUTOFF": namespace["used"]})

    assert changed(made(1), made(2)) == ("CUTOFF",)
    assert changed(made(1), made(1)) == ()


def test_nothing_of_python_itself_is_a_part() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(HEAD + WRAPPED["a cached function"].format(1), "<cell>", "exec"), namespace)
    assert list(parts({"CUTOFF": namespace["used"]})) == list(parts())
