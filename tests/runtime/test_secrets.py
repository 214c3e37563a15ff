from __future__ import annotations

import json
from typing import Any

import pytest

from alur_nb import secret
from alur_nb.runtime import secrets
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.secrets import recording_secrets, variable_of


class Manager:
    """Secrets Manager, as far as it is asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def get_secret_value(self, SecretId: str) -> Any:
        from botocore.exceptions import ClientError

        if SecretId not in self.answers:
            code = {"Error": {"Code": "ResourceNotFoundException", "Message": "can't find it"}}
            raise ClientError(code, "GetSecretValue")  # type: ignore[arg-type]
        return self.answers[SecretId]


@pytest.fixture
def in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    argument = json.dumps({"environment": "dev", "region": "eu-central-1"})
    monkeypatch.setattr("sys.argv", ["job.py", "--JOB_NAME", "x", "--alur", argument])


def answered_by(monkeypatch: pytest.MonkeyPatch, manager: Manager) -> list[tuple[str, str | None]]:
    asked: list[tuple[str, str | None]] = []

    def client(service: str, region: str | None) -> Manager:
        asked.append((service, region))
        return manager

    monkeypatch.setattr(secrets, "client", client)
    return asked


def test_on_the_laptop_it_is_a_variable_and_never_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answered_by(monkeypatch, Manager())
    monkeypatch.setenv("ALUR_SECRET_SHOP_DB", '{"password": "hush"}')
    assert secret("shop/db") == '{"password": "hush"}'
    assert secret("shop/db", "password") == "hush"
    assert asked == []


def test_without_the_variable_the_fix_saves_the_secret_nowhere() -> None:
    with pytest.raises(SettingsError, match="ALUR_SECRET_SHOP_DB is not set") as caught:
        secret("shop/db")
    assert "getpass" in str(caught.value.fix)


@pytest.mark.usefixtures("in_a_job")
def test_a_deployed_job_asks_secrets_manager_in_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_SECRET_DB", "the laptop's")
    asked = answered_by(monkeypatch, Manager(db={"SecretString": "hush"}))
    assert secret("db") == "hush"
    assert asked == [("secretsmanager", "eu-central-1")]


@pytest.mark.usefixtures("in_a_job")
def test_a_secret_that_cannot_be_read_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(monkeypatch, Manager(binary={"SecretBinary": b"x"}))
    with pytest.raises(SettingsError, match="Reading the secret 'db'"):
        secret("db")
    with pytest.raises(SettingsError, match="is binary"):
        secret("binary")


@pytest.mark.parametrize("text", ["hush", '"hush"', '{"user": "hush"}'])
def test_a_missing_key_is_told_without_the_secret(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ALUR_SECRET_DB", text)
    with pytest.raises(SettingsError) as caught:
        secret("db", "password")
    assert "no key 'password'" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "a b", "arn:aws:secretsmanager:eu:1:secret:x", "x" * 513, None, "*"])
def test_what_is_no_name_is_refused_before_anything_is_asked(name: Any) -> None:
    with pytest.raises(SettingsError, match="no secret's name"):
        secret(name)


def test_an_export_gets_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_SECRET_DB", "hush")
    monkeypatch.setenv("ALUR_MODE", "export")
    assert secret("db") == "<db>"


def test_a_recorder_notes_the_names_and_hands_out_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_SECRET_DB", "hush")
    with recording_secrets() as names:
        assert secret("db", "password") == "<db>"
    assert names == {"db"}
    assert secret("db") == "hush"


def test_the_variables_name_is_what_a_shell_takes() -> None:
    assert variable_of("shop/db-2@x") == "ALUR_SECRET_SHOP_DB_2_X"
