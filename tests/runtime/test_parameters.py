from __future__ import annotations

import json
import sys

import pytest

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.parameters import job_argument, parameter


def given(monkeypatch: pytest.MonkeyPatch, **parameters: object) -> None:
    argument = json.dumps({"environment": "dev", "parameters": parameters})
    monkeypatch.setattr(
        sys, "argv", ["job.py", "--JOB_NAME", "x", "--alur", argument, "--TempDir", "s3://t/"]
    )


def test_without_an_argument_every_parameter_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["job.py", "--JOB_NAME", "x"])
    assert job_argument() == {}
    assert parameter("limit", 10) == 10


@pytest.mark.parametrize(
    ("default", "value", "expected"),
    [
        (10, 3, 3),
        (10, 3.0, 3),
        (0.5, 2, 2.0),
        ("a", "b", "b"),
        (True, False, False),
        (None, {"x": 1}, {"x": 1}),
        (["a"], [], []),
        (("a",), ["b"], ("b",)),
        ({"a": 1}, {"b": 2}, {"b": 2}),
    ],
)
def test_a_given_value_has_the_type_of_the_default(
    monkeypatch: pytest.MonkeyPatch, default: object, value: object, expected: object
) -> None:
    given(monkeypatch, limit=value)
    found = parameter("limit", default)
    assert found == expected
    assert default is None or type(found) is type(default)
    assert parameter("other", default) == default


@pytest.mark.parametrize(
    ("default", "value"),
    [(10, "3"), (10, 3.5), (10, True), (True, 1), (0.5, "x"), ("a", 1), ("a", None), ([], {}), ({}, [])],
)
def test_a_value_of_another_type_is_refused_with_the_name(
    monkeypatch: pytest.MonkeyPatch, default: object, value: object
) -> None:
    given(monkeypatch, limit=value)
    with pytest.raises(SettingsError, match="`limit`") as caught:
        parameter("limit", default)
    assert caught.value.fix


@pytest.mark.parametrize(
    "arguments", [["--alur", "{"], ["--alur", "[]"], ["--alur"], ["--alur", '{"parameters": 1}']]
)
def test_an_argument_that_is_no_json_object_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SettingsError, match="--alur") as caught:
        job_argument(arguments)
    assert "'{" in str(caught.value.fix) or "--alur '" in str(caught.value.fix)


def test_the_argument_may_follow_an_equals_sign() -> None:
    assert job_argument(['--alur={"landing": "s3://a/"}']) == {"landing": "s3://a/"}
