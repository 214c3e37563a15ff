"""Texts of a project as AWS takes them: its own words stay, what no service accepts is left out."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def description(text: str, longest: int) -> str:
    """Return the text without control characters and not longer than AWS allows."""
    return _CONTROL.sub(" ", text)[:longest]
