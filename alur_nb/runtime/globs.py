"""Globs as users know them: `*`, `?`, `[..]`, `{a,b}` and `**`; the same on a disk and in a bucket."""

from __future__ import annotations

import fnmatch
import re

_WILDCARD = re.compile(r"[*?\[{]")


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


def is_hidden(name: str) -> bool:
    """Whether a file or folder is nobody's data: `.x` and `_x` are left out of every listing, as by Spark."""
    return name.startswith((".", "_"))


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
