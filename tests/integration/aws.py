"""A whole AWS on the loopback, as far as moto has it, for what the laptop asks of a deployed environment."""

from __future__ import annotations

import json
import urllib.request

import pytest

ACCOUNT = "123456789012"
"""The account of moto, unless a request says otherwise."""
REGION = "eu-central-1"
_JOB_RUN = "glue::job_run"


def use_aws(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 go to moto's server at `url`, which is emptied."""
    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"", timeout=30).close()
    # A reset leaves it.
    _tell(url, "unset-transition", {"model_name": _JOB_RUN})
    given = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


def job_runs_by_hand(url: str, times: int = 1) -> None:
    """Let each state of a run last for so many looks."""
    transition = {"progression": "manual", "times": times}
    _tell(url, "set-transition", {"model_name": _JOB_RUN, "transition": transition})


def _tell(url: str, what: str, body: object) -> None:
    request = urllib.request.Request(
        f"{url}/moto-api/state-manager/{what}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()
