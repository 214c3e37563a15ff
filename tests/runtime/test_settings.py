from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.settings import Environment, find_root, load_settings, session_conf


def write(folder: Path, text: str) -> Path:
    (folder / "alur.toml").write_text(text)
    return folder


def test_without_a_file_every_default_holds(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.root == tmp_path
    assert settings.project_name == tmp_path.name
    assert list(settings.environments) == ["local"]
    assert settings.environment("local").landing == str(tmp_path / "data")


def test_the_nearest_file_above_is_the_project(tmp_path: Path) -> None:
    write(tmp_path, '[project]\nname = "shop"\n')
    inner = tmp_path / "notebooks" / "deep"
    inner.mkdir(parents=True)
    assert find_root(inner) == tmp_path
    assert load_settings(inner).project_name == "shop"


def test_an_environment_takes_the_defaults_and_its_own_keys(tmp_path: Path) -> None:
    text = '[defaults]\nregion = "eu-central-1"\nnumber_of_workers = 3\n'
    text += '[env.dev]\nlanding = "s3://acme/"\n[env.prod]\nnumber_of_workers = 9\n[env.prod.parameters]\nlimit = 10\n'
    settings = load_settings(write(tmp_path, text))
    assert settings.environment("dev") == Environment(
        "dev", landing="s3://acme/", region="eu-central-1", number_of_workers=3
    )
    assert settings.environment("prod").number_of_workers == 9
    assert settings.environment("prod").parameters == {"limit": 10}


def test_the_only_environment_needs_no_name(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "[env.dev]\n")).environment(None).name == "dev"


def test_the_default_environment_is_taken_among_several(tmp_path: Path) -> None:
    text = '[project]\ndefault_env = "prod"\n[env.dev]\n[env.prod]\n'
    assert load_settings(write(tmp_path, text)).environment(None).name == "prod"


def test_the_local_landing_is_relative_to_the_project(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[env.local]\nlanding = "drop"\n'))
    assert settings.environment("local").landing == str(tmp_path / "drop")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project\n", "not valid TOML"),
        ('[projects]\nname = "x"\n', "did you mean `project`?"),
        ('[project]\nnotebok = "x"\n', "Unknown key `notebok`"),
        ('[env.dev]\nlandng = "s3://x"\n', "did you mean `landing`?"),
        ("[env.dev]\nlanding = 3\n", "landing = 3 must be a str"),
        ('[env.dev]\nnumber_of_workers = "3"\n', "must be a int"),
        ("[env.dev]\ntimeout_minutes = true\n", "must be a int"),
        ('[env.dev]\nglue_version = "4.0"\n', "glue_version = '4.0' is unknown"),
        ('[env.dev]\nencryption = "none"\n', "Use one of: aws-managed, customer-key"),
        ("[project]\nname = 3\n", "project.name = 3 must be text"),
        ('[project]\nclass_archive = "no"\n', "project.class_archive = 'no' must be true or false"),
        ('[project]\nnotebooks = "a.ipynb"\n', "must be a list of texts"),
        ("env = 3\n", "must be a table"),
        ("[env.dev]\ntags = 3\n", "tags = 3 must be a dict"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text))
    assert message in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", None, "Add [env.dev]"),
        ("[env.dev]\n[env.prod]\n", None, "the project's environments: dev, prod"),
        ("[env.dev]\n", "dve", "did you mean `dev`?"),
    ],
)
def test_an_environment_that_is_not_clear_is_an_error(
    tmp_path: Path, text: str, name: str | None, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text)).environment(name)
    assert message in str(caught.value)


def test_what_decides_reading_and_writing_is_the_same_on_the_laptop_and_on_glue() -> None:
    local, glue = session_conf(Environment("local")), session_conf(Environment("dev"))
    # How many tasks look for files decides nothing but the time that it takes.
    tasks = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
    assert int(local.pop(tasks)) < int(glue.pop(tasks))
    assert glue.items() <= local.items()
    assert glue["spark.sql.session.timeZone"] == "UTC"
    assert glue["spark.sql.legacy.timeParserPolicy"] == "CORRECTED"
