"""What the benchmarks share: rounds that alternate between two ways, and the one line that each prints."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspark import SparkContext

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


@dataclass(frozen=True)
class Medians:
    """What each action took: on the clock, and of all processors together, which other work disturbs less."""

    seconds: Mapping[str, float]
    cpu: Mapping[str, float]

    def compared(self) -> dict[str, float]:
        """Return what a benchmark tells of `alur` against `bare`."""
        return {
            "bare_seconds": self.seconds["bare"],
            "alur_seconds": self.seconds["alur"],
            "ratio": self.seconds["alur"] / self.seconds["bare"],
            "cpu_ratio": self.cpu["alur"] / self.cpu["bare"],
        }


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its Spark's Java so far."""
    context, java = SparkContext._active_spark_context, 0.0
    if context is not None and context._jvm is not None:
        told = context._jvm.java.lang.ProcessHandle.current().info().totalCpuDuration()
        java = told.get().toMillis() / 1000
    return time.process_time() + java


def alternate(actions: Mapping[str, Action], rounds: int, *, warm_up: int = 1) -> Mapping[str, float]:
    """Return each action's median in seconds, after the rounds of warming up, which are not counted."""
    return measured(actions, rounds, warm_up=warm_up).seconds


def measured(
    actions: Mapping[str, Action], rounds: int, *, warm_up: int = 1, before: Action = lambda: None
) -> Medians:
    """Return what `alternate` does, and the CPU time; `before` prepares each round, and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    cpu: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(1 - warm_up, rounds + 1):
        before()
        # Every other round the other way round, so that neither always finds the warmer machine.
        for name in list(actions) if number % 2 else reversed(list(actions)):
            cpu_before, taken = cpu_seconds(), timed(actions[name])
            spent = cpu_seconds() - cpu_before
            tell(
                f"round {number} {name}: {taken:.2f} s, CPU {spent:.2f} s{'' if number > 0 else ' (warming up, not counted)'}"
            )
            if number > 0:
                seconds[name].append(taken)
                cpu[name].append(spent)
    return Medians(_medians(seconds), _medians(cpu))


def _medians(taken: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in taken.items()}


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
