"""Running the program: which one, with which words, and what its refusals mean."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alur_nb.authoring.terraform_run import Terraform, find_program
from alur_nb.runtime.errors import DeployError, RunCancelledError
from tests.authoring.standin import LOCKED, Standin, change, done, error, plan

# Each starts processes.
pytestmark = pytest.mark.slow


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path / "bin")


def opened(standin: Standin, tmp_path: Path, told: list[str] | None = None) -> Terraform:
    program = find_program({"PATH": str(standin.folder)})
    (tmp_path / "module").mkdir(exist_ok=True)
    tell = told.append if told is not None else (lambda line: None)
    return Terraform(program, tmp_path / "module", tmp_path / "data", tell)


@pytest.mark.parametrize("name", ["terraform", "tofu"])
def test_the_program_that_is_there_is_taken(tmp_path: Path, name: str) -> None:
    found = find_program({"PATH": str(Standin(tmp_path / "bin", name).folder)})
    assert (found.name, found.version) == (name, "1.11.4")


def test_of_two_the_first_or_the_chosen_one_is_taken(tmp_path: Path) -> None:
    folder = Standin(tmp_path / "bin").folder
    Standin(folder, "tofu")
    assert find_program({"PATH": str(folder)}).name == "terraform"
    assert find_program({"PATH": str(folder), "ALUR_TERRAFORM": "tofu"}).name == "tofu"


def test_without_a_program_it_says_how_to_install_one(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="Neither terraform nor tofu") as caught:
        find_program({"PATH": str(tmp_path)})
    assert "brew install opentofu" in str(caught.value)
    assert "https://developer.hashicorp.com/terraform/install" in str(caught.value)


def test_a_program_that_is_too_old_is_refused(standin: Standin) -> None:
    standin.says(version={"lines": [{"terraform_version": "1.5.7"}]})
    with pytest.raises(DeployError, match=r"version 1\.5\.7; 1\.10 or later"):
        find_program({"PATH": str(standin.folder)})


def test_each_command_has_its_words(standin: Standin, tmp_path: Path) -> None:
    standin.says(show={"lines": [plan()]}, output={"lines": [{"jobs": {"value": {"a": "shop-dev-a"}}}]})
    terraform = opened(standin, tmp_path)
    terraform.init({"key": "k", "bucket": "b"})
    terraform.plan(tmp_path / "p", destroy=True, options=["-var=protect_data=false"])
    terraform.show(tmp_path / "p")
    terraform.apply(tmp_path / "p")
    assert terraform.output() == {"jobs": {"a": "shop-dev-a"}}
    chdir, common = (
        f"-chdir={tmp_path / 'module'}",
        ["-input=false", "-no-color", "-json", "-lock-timeout=20s"],
    )
    assert [note["words"] for note in standin.calls] == [
        [
            chdir,
            "init",
            "-input=false",
            "-no-color",
            "-reconfigure",
            "-backend-config=bucket=b",
            "-backend-config=key=k",
        ],
        [chdir, "plan", f"-out={tmp_path / 'p'}", *common, "-destroy", "-var=protect_data=false"],
        [chdir, "show", "-json", "-no-color", str(tmp_path / "p")],
        [chdir, "apply", *common, str(tmp_path / "p")],
        [chdir, "output", "-json", "-no-color"],
    ]
    assert {note["data"] for note in standin.calls} == {str(tmp_path / "data")}


def test_an_apply_tells_its_steps_and_counts_resources(standin: Standin, tmp_path: Path) -> None:
    read = {
        **done("data.x"),
        "hook": {"resource": {"addr": "data.x"}, "action": "read"},
        "@message": "data.x: Read",
    }
    standin.says(apply={"lines": [read, done("a.b"), done("a.b"), done("a.c"), "a provider's own words"]})
    told: list[str] = []
    assert opened(standin, tmp_path, told).apply(tmp_path / "p").changes == 2
    assert told == [
        "terraform apply",
        "data.x: Read",
        *["a.b: Creation complete"] * 2,
        "a.c: Creation complete",
    ]


def test_a_plan_that_is_refused_raises_what_was_told(standin: Standin, tmp_path: Path) -> None:
    standin.says(plan={"lines": [error("Error acquiring the state lock", LOCKED)], "code": 1})
    with pytest.raises(DeployError, match="locked by ada@laptop") as caught:
        opened(standin, tmp_path).plan(tmp_path / "p")
    by_hand = f"TF_DATA_DIR={tmp_path / 'data'} terraform -chdir={tmp_path / 'module'} force-unlock 11111111"
    assert by_hand in str(caught.value)


def test_half_an_apply_says_how_far_it_came(standin: Standin, tmp_path: Path) -> None:
    changes = [
        change("aws_x.a", ["create"]),
        change("aws_x.b", ["delete", "create"]),
        change("aws_x.c", ["no-op"]),
    ]
    standin.says(
        show={"lines": [plan(*changes)]},
        apply={"lines": [done("aws_x.a"), error("creating x", "ExpiredToken")], "code": 1},
    )
    terraform = opened(standin, tmp_path)
    terraform.show(tmp_path / "p")
    with pytest.raises(DeployError, match=r"after 1 of 3 steps\. The credentials have expired"):
        terraform.apply(tmp_path / "p")


def test_a_program_that_dies_without_a_word(standin: Standin, tmp_path: Path) -> None:
    standin.says(
        apply={"code": 137}, init={"stderr": "╷\n│ Error: No such bucket\n│ \n│ Look again.\n╵\n", "code": 1}
    )
    terraform = opened(standin, tmp_path)
    with pytest.raises(DeployError, match="it was killed, or has crashed"):
        terraform.apply(tmp_path / "p")
    with pytest.raises(DeployError, match="No such bucket\nLook again"):
        terraform.init({})


def test_what_is_cancelled_ends_in_order(standin: Standin, tmp_path: Path) -> None:
    standin.says(
        show={"lines": [plan(change("a.b", ["create"]))]}, apply={"lines": [done("a.b")], "seconds": 30}
    )
    told: list[str] = []
    terraform = opened(standin, tmp_path, told)
    terraform.show(tmp_path / "p")
    threading.Timer(0.5, terraform.cancelled.set).start()
    begin = time.monotonic()
    with pytest.raises(RunCancelledError, match="1 of 1 steps were made"):
        terraform.apply(tmp_path / "p")
    assert time.monotonic() - begin < 10
    assert told[-1] == "stopped"


def test_values_of_a_plan_are_not_in_the_log(standin: Standin, tmp_path: Path) -> None:
    standin.says(show={"lines": [{**plan(), "secret": "hunter2"}]})
    terraform = opened(standin, tmp_path)
    terraform.plan(tmp_path / "p")
    terraform.show(tmp_path / "p")
    assert "hunter2" not in terraform.log.read_text()


_APPLY = """
import sys
from pathlib import Path
from alur_nb.authoring.terraform_run import Terraform, find_program
from alur_nb.runtime.errors import RunCancelledError

terraform = Terraform(find_program({"PATH": sys.argv[1]}), Path(sys.argv[2]), Path(sys.argv[3]), lambda line: print(line, flush=True))
try:
    terraform.apply(Path("p"))
except RunCancelledError as error:
    print(error.message, flush=True)
"""


def test_ctrl_c_is_handed_on_once_and_the_program_is_heard_to_its_end(
    standin: Standin, tmp_path: Path
) -> None:
    standin.says(apply={"lines": [done("a.b")], "seconds": 30})
    (tmp_path / "module").mkdir()
    places = [str(standin.folder), str(tmp_path / "module"), str(tmp_path / "data")]
    command = [sys.executable, "-c", _APPLY, *places]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [line.strip() for line in iter(process.stdout.readline, "a.b: Creation complete\n")]
    assert told == ["terraform apply"]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert rest.splitlines() == [
        "stopping: waits until terraform has noted what it made",
        "stopped",
        "apply was stopped: 1 of 0 steps were made.",
    ]
