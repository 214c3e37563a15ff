"""Which Maven repository the user fetches from: Maven Central, or the mirror that their Maven settings name."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

# Maven's own default (its super POM).
CENTRAL = "https://repo.maven.apache.org/maven2"
VARIABLE = "ALUR_MAVEN_URL"
"""Names a repository in place of Maven Central; before all settings of Maven."""


def repository() -> str:
    """Return the repository's address, without a slash at its end."""
    named = os.environ.get(VARIABLE) or _mirror(_settings_file()) or CENTRAL
    return named.rstrip("/")


def _settings_file() -> Path:
    return Path(os.environ.get("HOME") or "~").expanduser() / ".m2" / "settings.xml"


def _mirror(settings: Path) -> str | None:
    """Return the address of the first mirror that stands in for Maven Central.

    A file that cannot be read says nothing: Maven itself tells its user about it.
    """
    try:
        root = ElementTree.parse(settings).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    for mirror in root.iterfind(".//{*}mirrors/{*}mirror"):
        if _mirrors_central(mirror.findtext("{*}mirrorOf", "")):
            return (mirror.findtext("{*}url") or "").strip() or None
    return None


def _mirrors_central(mirror_of: str) -> bool:
    """Read `mirrorOf`: ids, `*`, `external:*`, and `!id` for what is left out (Maven, "Guide to Mirror Settings")."""
    names = [name.strip() for name in mirror_of.split(",")]
    return "!central" not in names and any(name in ("central", "*", "external:*") for name in names)
