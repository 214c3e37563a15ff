"""The command line's one voice, and its exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK, FAILED, USAGE = 0, 1, 2
STEP = 10 << 20
"""Without a terminal a fetch says a line for so many bytes."""


def show(options: argparse.Namespace, values: object, text: str) -> None:
    """Say what a command found: as text, or with --json as JSON."""
    tell(json.dumps(values, indent=2, default=str) if options.json else text)


def tell(text: str, *, stream: str = "stdout") -> None:
    """Say something, at once."""
    target = sys.stderr if stream == "stderr" else sys.stdout
    target.write(text + "\n")
    target.flush()


@contextmanager
def fetching() -> Iterator[Callable[[int, int], None]]:
    """Yield what tells how much of a file is here: in a terminal in one line, else in a line for each 10 MB."""
    from alur_nb.authoring.sizes import size_text

    is_terminal, told = sys.stderr.isatty(), 0

    def on_progress(there: int, size: int) -> None:
        nonlocal told
        text = f"  {size_text(there)} of {size_text(size)}"
        if is_terminal:
            told = there
            sys.stderr.write(f"\r{text}  ")
            sys.stderr.flush()
        elif there - told >= STEP or there == size:
            told = there
            tell(text, stream="stderr")

    try:
        yield on_progress
    finally:
        if is_terminal and told:
            tell("", stream="stderr")


def usage(text: str) -> int:
    """Say how a command is used, and return the exit code for wrong usage."""
    tell(f"usage: {text}", stream="stderr")
    return USAGE


def answer(question: str) -> str:
    """Ask; without a terminal the answer is empty."""
    return input(question).strip() if sys.stdin.isatty() else ""


def is_sure(question: str) -> bool:
    """Ask for yes or no; without a terminal the answer is no."""
    return answer(question).lower() in ("y", "yes")
