"""What the benchmarks share: rounds that alternate between two ways, and the one line that each prints."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "benchmark"

Action = Callable[[], object]


def tell(text: str) -> None:
    """Say how far the benchmark is: on stderr, since stdout is for its result."""
    print(text, file=sys.stderr, flush=True)


def timed(action: Action) -> float:
    """Return how many seconds the action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def alternate(actions: Mapping[str, Action], rounds: int, *, warm_up: int = 1) -> dict[str, float]:
    """Return each action's median in seconds, after the rounds of warming up, which are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(1 - warm_up, rounds + 1):
        # Every other round the other way round, so that neither always finds the warmer machine.
        for name in list(actions) if number % 2 else reversed(list(actions)):
            taken = timed(actions[name])
            tell(f"round {number} {name}: {taken:.2f} s{'' if number > 0 else ' (warming up, not counted)'}")
            if number > 0:
                seconds[name].append(taken)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def made_once(folder: Path, what: str, write: Callable[[Path], None]) -> Path:
    """Have the folder written where it is not there yet, and return it; one that was cut off is begun anew."""
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        tell(f"making {what} in {folder}")
        write(part)
        part.rename(folder)
    return folder


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is the script's docstring."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def report(benchmark: str, **facts: object) -> None:
    """Print the benchmark's one line of JSON; seconds and ratios to three digits behind the point."""
    rounded = {name: round(fact, 3) if isinstance(fact, float) else fact for name, fact in facts.items()}
    print(json.dumps({"benchmark": benchmark, **rounded}))
