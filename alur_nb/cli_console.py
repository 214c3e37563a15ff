"""The command line's one voice, and its exit codes."""

from __future__ import annotations

import argparse
import json
import sys

OK, FAILED, USAGE = 0, 1, 2


def show(options: argparse.Namespace, values: object, text: str) -> None:
    """Say what a command found: as text, or with --json as JSON."""
    tell(json.dumps(values, indent=2, default=str) if options.json else text)


def tell(text: str, *, stream: str = "stdout") -> None:
    """Say something, at once."""
    target = sys.stderr if stream == "stderr" else sys.stdout
    target.write(text + "\n")
    target.flush()


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
