"""Print the ten slowest parts of a run of `.ci/run`, the tests that failed, and the tests of all pytest runs as one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

SLOWEST = 10
REASON_CHARACTERS = 200


def main(folder: Path) -> None:
    """Read the steps' times from `folder` and the tests' from the JUnit files beside it."""
    steps = (line.split("\t") for line in (folder / "steps.tsv").read_text().splitlines())
    parts = [(float(seconds), name) for seconds, name in steps]
    total = sum(seconds for seconds, _ in parts)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []
    for seconds, name, outcome, reason in _tests(folder.parent):
        parts.append((seconds, name))
        counts[outcome] += 1
        if outcome == "failed":
            failures.append(f"failed: {name}: {reason}")
    print(f"\nThe ten slowest parts of {total / 60:.1f} minutes:")
    for seconds, name in sorted(parts, reverse=True)[:SLOWEST]:
        print(f"{seconds:8.1f} s  {name}")
    if failures:  # a log that is cut in its middle still ends with them
        print("\n" + "\n".join(failures))
    print(f"\ntotal: {', '.join(f'{number} {outcome}' for outcome, number in counts.items())}")


def _tests(folder: Path) -> Iterator[tuple[float, str, str, str]]:
    for report in sorted(folder.glob("test-*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            problems = [*case.iter("failure"), *case.iter("error")]
            skipped = case.find("skipped") is not None
            outcome = "failed" if problems else "skipped" if skipped else "passed"
            reason = " ".join(problem.get("message", "") for problem in problems)
            name = f"{case.get('classname')}::{case.get('name')}"
            yield float(case.get("time", 0)), name, outcome, " ".join(reason.split())[:REASON_CHARACTERS]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
