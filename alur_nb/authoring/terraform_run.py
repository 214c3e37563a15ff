"""Running `terraform` or `tofu`: its commands, its words as events, its refusals as errors with a next step.

Read is what both programs print for programs: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from alur_nb.authoring.terraform_words import Diagnostic, refusal_of
from alur_nb.runtime.errors import DeployError, RunCancelledError

MINIMUM = (1, 10)
"""The first version that locks a state in S3 without a second service (`use_lockfile`)."""
PROGRAMS = ("terraform", "tofu")
CHOICE = "ALUR_TERRAFORM"
"""The environment variable that names the program, where both are there."""
_LOCK_WAIT = "20s"

INSTALL = (
    "Install one of them: `brew install opentofu` or `brew install hashicorp/tap/terraform` on macOS, "
    "https://opentofu.org/docs/intro/install or https://developer.hashicorp.com/terraform/install elsewhere."
)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """The program that was found."""

    path: str
    name: str
    version: str


def find_program(environ: Mapping[str, str] | None = None) -> Program:
    """Return `terraform`, else `tofu`, of the search path; raises DeployError where none is there, or it is too old."""
    given = os.environ if environ is None else environ
    wanted = (given[CHOICE],) if given.get(CHOICE) else PROGRAMS
    found = next((path for name in wanted if (path := shutil.which(name, path=given.get("PATH")))), None)
    if found is None:
        raise DeployError(f"Neither {' nor '.join(wanted)} is on the search path.", fix=INSTALL)
    told = subprocess.run(
        [found, "version", "-json"], capture_output=True, text=True, check=False, env=dict(given)
    )
    try:
        version = str(json.loads(told.stdout)["terraform_version"])
        numbers = tuple(int(part) for part in version.partition("-")[0].split(".")[:2])
    except (ValueError, KeyError) as error:
        raise DeployError(f"{found} does not tell its version.", fix=INSTALL) from error
    if numbers < MINIMUM:
        least = ".".join(map(str, MINIMUM))
        raise DeployError(f"{found} is version {version}; {least} or later is needed.", fix=INSTALL)
    return Program(found, Path(found).name, version)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command has told: how many changes it planned or made, and what it warned of."""

    changes: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass
class _Heard:
    """What a command has said so far."""

    tell: Tell
    made: int = 0
    """Steps that were made: a replacement has two."""
    touched: set[str] = field(default_factory=set)
    said: list[Diagnostic] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """Take in one line, and hand on what a person wants to see."""
        event = _event(line)
        kind, hook = event.get("type"), event.get("hook", {})
        if kind == "diagnostic":
            self.said.append(Diagnostic.of(event["diagnostic"]))
        # A data source that could not be read before is read now: nothing was made.
        if kind == "apply_complete" and hook.get("action") != "read":
            self.made += 1
            self.touched.add(str(hook.get("resource", {}).get("addr", self.made)))
        if kind in ("apply_start", "apply_complete", "apply_errored"):
            self.tell(str(event.get("@message", "")))


@dataclass
class Terraform:
    """The program in the folder of one environment's root module."""

    program: Program
    folder: Path
    data: Path
    """Where the program keeps providers and the state's address: apart for each environment, outside of the bundle."""
    tell: Tell = lambda line: None
    cancelled: threading.Event = field(default_factory=threading.Event)
    planned: int = 0
    """Steps of the last plan, so that an apply can say how far it came."""

    @property
    def log(self) -> Path:
        """The file with every word that the program has said."""
        return self.data / "terraform.log"

    def init(self, backend: Mapping[str, str]) -> None:
        """Fetch the provider and open the state; raises DeployError."""
        self.tell(f"{self.program.name} init")
        settings = [f"-backend-config={key}={value}" for key, value in sorted(backend.items())]
        told = self._run(["init", "-input=false", "-no-color", "-reconfigure", *settings])
        if told.returncode != 0:
            raise refusal_of(_text_diagnostics(told), "init", self._where)

    def plan(self, out: Path, *, destroy: bool = False, options: Sequence[str] = ()) -> None:
        """Write a plan to a file; raises DeployError, also where somebody else holds the state's lock."""
        self.tell(f"{self.program.name} plan")
        goal = ["-destroy"] if destroy else []
        self._stream(["plan", f"-out={out}", *self._common, *goal, *options], "plan")

    def show(self, plan: Path) -> dict[str, Any]:
        """Return a plan as the program's JSON (internals, "JSON Output Format")."""
        # Not kept: it holds every value in plain text.
        told = self._run(["show", "-json", "-no-color", str(plan)], keep=False)
        if told.returncode != 0:
            raise refusal_of(_text_diagnostics(told), "show", self._where)
        values: dict[str, Any] = json.loads(told.stdout)
        # A replacement is two steps, and told as two.
        steps = (change["change"]["actions"] for change in values.get("resource_changes", ()))
        self.planned = sum(len(actions) for actions in steps if actions not in (["no-op"], ["read"]))
        return values

    def apply(self, plan: Path) -> Done:
        """Make the changes of a plan; raises DeployError that says how many of them were made before it stopped."""
        self.tell(f"{self.program.name} apply")
        return self._stream(["apply", *self._common, str(plan)], "apply")

    def output(self) -> dict[str, Any]:
        """Return the module's outputs by name."""
        told = self._run(["output", "-json", "-no-color"])
        if told.returncode != 0:
            raise refusal_of(_text_diagnostics(told), "output", self._where)
        return {name: one["value"] for name, one in json.loads(told.stdout).items()}

    @property
    def _common(self) -> list[str]:
        return ["-input=false", "-no-color", "-json", f"-lock-timeout={_LOCK_WAIT}"]

    @property
    def _where(self) -> str:
        return f"TF_DATA_DIR={self.data.resolve()} {self.program.name} -chdir={self.folder}"

    @property
    def _environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "TF_IN_AUTOMATION": "1",
            "TF_DATA_DIR": str(self.data.resolve()),
            # Neither asks a vendor's server for news.
            "CHECKPOINT_DISABLE": "1",
        }

    def _command(self, words: Sequence[str]) -> list[str]:
        self.data.mkdir(parents=True, exist_ok=True)
        return [self.program.path, f"-chdir={self.folder}", *words]

    def _run(self, words: Sequence[str], *, keep: bool = True) -> subprocess.CompletedProcess[str]:
        told = subprocess.run(
            self._command(words),
            capture_output=True,
            text=True,
            check=False,
            env=self._environ,
        )
        with self.log.open("a", encoding="utf-8") as log:
            log.write((told.stdout if keep else "") + told.stderr)
        return told

    def _stream(self, words: Sequence[str], command: str) -> Done:
        """Run a command that tells its events line by line; an interrupt lets it end in order, and waits for it."""
        heard = _Heard(self.tell)
        # A session of its own: a terminal's Ctrl-C reaches us alone, and we hand it on once.
        process = subprocess.Popen(
            self._command(words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environ,
            start_new_session=True,
        )
        with self._stopping(process) as stopped, self.log.open("a", encoding="utf-8") as log:
            while self._reads(process, log, heard, stopped):
                pass
        if stopped.is_set():
            raise RunCancelledError(
                f"{command} was stopped: {heard.made:,} of {self.planned:,} steps were made.",
                fix="Run again: it goes on where it stopped.",
            )
        if process.returncode != 0:
            errors = [one for one in heard.said if one.severity == "error"]
            raise refusal_of(
                errors, command, self._where, made=heard.made, planned=self.planned, log=self.log
            )
        return Done(len(heard.touched), tuple(one for one in heard.said if one.severity != "error"))

    def _reads(
        self, process: subprocess.Popen[str], log: TextIO, heard: _Heard, stopped: threading.Event
    ) -> bool:
        """Read one line, whatever interrupts it: who stops listening would break the program's pipe in mid-apply."""
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            log.write(line)
            heard.hear(line)
            if not line:
                process.wait()
            return bool(line)
        except KeyboardInterrupt:
            self.tell(f"stopping: waits until {self.program.name} has noted what it made")
            _interrupt(process, stopped)
            return True

    @contextlib.contextmanager
    def _stopping(self, process: subprocess.Popen[str]) -> Iterator[threading.Event]:
        """Hand on that the work was cancelled, by whoever waits for it in another thread."""
        stopped, over = threading.Event(), threading.Event()

        def watch() -> None:
            while not over.wait(0.1):
                if self.cancelled.is_set():
                    _interrupt(process, stopped)
                    return

        watcher = threading.Thread(target=watch, name="alur-terraform", daemon=True)
        watcher.start()
        try:
            yield stopped
        finally:
            over.set()
            watcher.join()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()


def _interrupt(process: subprocess.Popen[str], stopped: threading.Event) -> None:
    """Ask the program to end, once: at a second signal it would drop what it has not written to the state."""
    if not stopped.is_set():
        stopped.set()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)


def _event(line: str) -> dict[str, Any]:
    """Read one line; what is no JSON (a panic, a provider's own words) is an error in the program's own words."""
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            return event
    text = line.strip()
    return (
        {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": text}}
        if text.startswith("Error")
        else {}
    )


def _text_diagnostics(told: subprocess.CompletedProcess[str]) -> list[Diagnostic]:
    """Return what a command without JSON has told as an error: the lines from `Error:` on, without their frame."""
    plain = [line.strip("│╷╵ \t") for line in (told.stdout + told.stderr).splitlines()]
    starts = [number for number, line in enumerate(plain) if line.startswith("Error")]
    if not starts:
        return [Diagnostic("error", " ".join(line for line in plain[-5:] if line) or "It said nothing.")]
    first = starts[0]
    return [Diagnostic("error", plain[first].removeprefix("Error: "), "\n".join(plain[first + 1 :]).strip())]
