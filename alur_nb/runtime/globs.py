"""Globs as users know them: `*`, `?`, `[..]`, `{a,b}` and `**`; the same on a disk and in a bucket."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_WILDCARD = re.compile(r"[*?\[{]")
_HIDDEN_PART = re.compile(r"(?:^|/)[._]")


def split_pattern(pattern: str) -> tuple[str, str]:
    """Split a glob into the folders that hold no wildcard, and the rest."""
    parts = pattern.split("/")
    count = 0
    while count < len(parts) - 1 and not _WILDCARD.search(parts[count]):
        count += 1
    return "/".join(parts[:count]) or ("/" if pattern.startswith("/") else ""), "/".join(parts[count:])


def literal_start(pattern: str) -> str:
    """Return what every match begins with: the glob up to its first wildcard."""
    return _WILDCARD.split(pattern, maxsplit=1)[0]


def pattern_of(path: str) -> str:
    """Return the glob for a file and those beside it: `orders/2024.csv.gz` is `orders/*.csv.gz`."""
    one = PurePosixPath(path)
    name = one.name
    stem = name.partition(".")[0]
    return (one.parent / f"*{name[len(stem) :]}").as_posix()


def nearest(pattern: str, paths: Iterable[str]) -> list[str]:
    """Return what a pattern that matches none of the paths may have meant, the nearest first: their globs, or they."""
    known: dict[str, None] = {}
    for path in paths:
        known |= dict.fromkeys((pattern_of(path),) if _WILDCARD.search(pattern) else (path, pattern_of(path)))
    # `data/orders/*.csv`, where `data` is the landing folder itself, is a usual slip.
    inside = [name for name in known if pattern.endswith(f"/{name}") and not name.startswith("*")]
    return [max(inside, key=len)] if inside else difflib.get_close_matches(pattern, known, n=2, cutoff=0.6)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is nobody's data: `.x` and `_x` are left out of every listing, as by Spark."""
    return name.startswith((".", "_"))


def is_inside_hidden(path: str) -> bool:
    """Whether the path's last part, or any folder of it, is hidden."""
    return _HIDDEN_PART.search(path) is not None


def glob_regex(pattern: str) -> str:
    """Translate a glob; `*` stays within a folder, `**/` crosses folders, `{a,b}` are choices.

    `glob.translate` came with Python 3.13 and knows no braces, so this is our own while Glue runs 3.11.
    """
    tokens = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}/]+\}|.", re.DOTALL)
    simple = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(_glob_token(token, simple) for token in tokens.findall(pattern))


def _glob_token(token: str, simple: dict[str, str]) -> str:
    if token in simple:
        return simple[token]
    if token.startswith("[") and len(token) > 1:
        # `(?s:[abc])\Z`: what a set may hold, and how it is escaped, is the standard library's to know.
        return fnmatch.translate(token).removeprefix("(?s:").removesuffix(r")\Z")
    if token.startswith("{") and len(token) > 1:
        choices = ("".join(glob_regex(choice)) for choice in token[1:-1].split(","))
        return f"(?:{'|'.join(choices)})"
    return re.escape(token)
