"""A `terraform` that makes nothing: it notes how it was called, and says what a test wants it to say."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python} -IS
import json, os, pathlib, signal, sys, time
here = pathlib.Path({folder!r})
words = [word for word in sys.argv[1:] if not word.startswith("-chdir=")]
note = {{"words": sys.argv[1:], "data": os.environ.get("TF_DATA_DIR"), "name": pathlib.Path(sys.argv[0]).name}}
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(note) + "\\n")
said = json.loads((here / "answers").read_text()).get(words[0], {{}})
if isinstance(said, list):
    number = sum(json.loads(line)["words"][-len(words):][0] == words[0] for line in (here / "calls").read_text().splitlines())
    said = said[min(number, len(said)) - 1]
def stop(*_):
    # Not by `print`: the signal may come in the middle of one.
    os.write(1, (json.dumps({{"type": "apply_errored", "@message": "stopped"}}) + "\\n").encode())
    os._exit(1)
signal.signal(signal.SIGINT, stop)
for line in said.get("lines", ()):
    print(line if isinstance(line, str) else json.dumps(line), flush=True)
time.sleep(said.get("seconds", 0))
out = next((word[5:] for word in words if word.startswith("-out=")), None)
if out and not said.get("code"):
    pathlib.Path(out).write_text("a plan")
sys.stderr.write(said.get("stderr", ""))
sys.exit(said.get("code", 0))
"""


def error(summary: str, detail: str = "", address: str = "") -> dict[str, Any]:
    told = {"severity": "error", "summary": summary, "detail": detail, "address": address}
    return {"type": "diagnostic", "@message": summary, "diagnostic": told}


def done(address: str) -> dict[str, Any]:
    hook = {"resource": {"addr": address}, "action": "create"}
    return {"type": "apply_complete", "@message": f"{address}: Creation complete", "hook": hook}


def change(address: str, actions: list[str], before: Any = None, after: Any = None) -> dict[str, Any]:
    kind = address.split(".")[0]
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": address.split(".")[1],
        "change": {"actions": actions, "before": before, "after": after},
    }


def plan(*changes: dict[str, Any], resources: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What `show -json` says of a plan."""
    values = {"root_module": {"resources": resources or []}}
    return {"format_version": "1.2", "resource_changes": list(changes), "planned_values": values}


LOCKED = """Error message: operation error S3: PutObject, StatusCode: 412
Lock Info:
  ID:        11111111-2222-3333-4444-555555555555
  Path:      shop-dev-tfstate-123456789012/shop-dev/terraform.tfstate
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-03-01 12:00:00 +0000 UTC
  Info:
"""


@dataclass
class Standin:
    """The program's folder, which a test puts on the search path."""

    folder: Path
    name: str = "terraform"
    answers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        program = self.folder / self.name
        program.write_text(_PROGRAM.format(python=Path(sys.executable).resolve(), folder=str(self.folder)))
        program.chmod(0o755)
        self.says(version={"lines": [{"terraform_version": "1.11.4"}]})
        self.says(output={"lines": [{}]})

    def says(self, **answers: Any) -> None:
        """Answer a command: `lines`, `stderr`, `code`, `seconds`; a list has one answer for each call."""
        self.answers |= answers
        (self.folder / "answers").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call but those for the version."""
        path = self.folder / "calls"
        noted = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [note for note in noted if "version" not in note["words"]]

    @property
    def commands(self) -> list[str]:
        """The commands that were called, in order."""
        return [next(word for word in note["words"] if not word.startswith("-")) for note in self.calls]
