"""How old a table may become: `26 hours`, in words that a person writes."""

from __future__ import annotations

import re
from datetime import timedelta

from alur_nb.runtime.errors import DeclarationError

_UNITS = {"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
_TEXT = re.compile(r"\s*(\d+)\s+(minute|hour|day|week)s?\s*", re.IGNORECASE)


def allowed_age(text: str, of: str = "freshness") -> timedelta:
    """Return `90 minutes`, `26 hours`, `2 days` or `1 week` as a duration; raises DeclarationError for any other text."""
    found = _TEXT.fullmatch(text)
    if found is None or not int(found[1]):
        raise DeclarationError(
            f"{of}: {text!r} is not an age: a whole number and minutes, hours, days or weeks.",
            fix='class Meta: freshness = "26 hours"',
        )
    return timedelta(minutes=int(found[1]) * _UNITS[found[2].lower()])
