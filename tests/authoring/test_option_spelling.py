"""The advice of a preview in the words of a magic's line, and left alone where the pipeline is Python."""

from __future__ import annotations

import pytest

from alur_nb.authoring.command_line import Command
from alur_nb.authoring.commands import pipeline_command
from alur_nb.authoring.option_spelling import in_options, preview_in_options
from alur_nb.authoring.preview_facts import FileFact, Obstacle, Preview, SourcePreview, Step


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("load the others with files(.., strict=False) or --no-strict.", "load the others with --no-strict."),
        (
            'load without it: files(.., extra_columns="ignore") or --extra-columns ignore; schema_mode="rescue" keeps it',
            "load without it: --extra-columns ignore; --schema-mode rescue keeps it",
        ),
        ('keep it: files(.., on_changed="ignore").', "keep it: --on-changed ignore."),
        ('stops where it differs (on_changed="error").', "stops where it differs (--on-changed error)."),
        ("more than reject_limit=0.05 allows.", "more than --reject-limit 0.05 allows."),
        ("or raise reject_limit (--reject-limit).", "or raise --reject-limit."),
        ("Name its format: files(.., format=..).", "Name its format: --format ..."),
        ('Name the separator: options={"sep": ";"}.', "Name the separator: --option 'sep=;'."),
        ('Say so: options={"encoding": "UTF-16"}.', "Say so: --option encoding=UTF-16."),
        ('Quotes mean nothing: options={"quote": ""}.', "Quotes mean nothing: --option quote=."),
        ('What escapes it: options={"escape": "\\"}.', "What escapes it: --option 'escape=\\'."),
        (
            'Declare it: TimestampField(format="dd.MM.yyyy")',
            'Declare it: TimestampField(format="dd.MM.yyyy")',
        ),
        ("orders/1.csv: `a=b` is not a whole number", "orders/1.csv: `a=b` is not a whole number"),
    ],
)
def test_parameters_become_options(text: str, told: str) -> None:
    assert in_options(text) == told


def test_the_options_are_those_of_the_magic() -> None:
    command: Command = pipeline_command()
    names = "extra_columns on_changed same_content reject_limit schema_mode source_system contract"
    for name in names.split():
        assert in_options(f"{name}=x").split()[0] in command.options
    assert {"--no-strict", "--format", "--option"} <= set(command.options)


def test_each_pipeline_is_spoken_of_as_it_was_declared() -> None:
    advice = "load them with files(.., strict=False) or --no-strict."
    upstream = "ingest, upstream: more than reject_limit=0.05 allows."
    found = Preview(
        "find",
        "bronze.late",
        "would fail",
        sources=(
            SourcePreview(
                "o", "files", "o/*.csv", "new", files=(FileFact("o/1.csv", "bad", 1, "bad", advice),)
            ),
        ),
        problems=(Obstacle("reject_limit=0.1 is passed.", advice), Obstacle("no step")),
        warnings=(upstream, "an odd thing: reject_limit=0.2"),
        lineage=(Step("ingest", (), "bronze.orders"), Step("find", (), "bronze.late")),
    )
    told = preview_in_options(found, {"ingest"}.__contains__)
    assert told.warnings == ("ingest, upstream: more than --reject-limit 0.05 allows.", found.warnings[1])
    assert told.problems == found.problems
    told = preview_in_options(found, {"find"}.__contains__)
    assert told.problems[0] == Obstacle("--reject-limit 0.1 is passed.", "load them with --no-strict.")
    assert told.problems[1] == found.problems[1]
    assert told.sources[0].files[0].fix == "load them with --no-strict."
    assert told.warnings == (upstream, "an odd thing: --reject-limit 0.2")
    assert preview_in_options(found, lambda name: False) == found
