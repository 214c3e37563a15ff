"""Sizes in words."""

from __future__ import annotations


def size_text(size: int) -> str:
    """Return a size as people write it: `812 bytes`, `1.2 KB`, `31.4 MB`."""
    if size < 1 << 10:
        return f"{size:,} byte{'' if size == 1 else 's'}"
    for unit, limit in (("KB", 1 << 20), ("MB", 1 << 30), ("GB", 1 << 40)):
        if size < limit:
            return f"{size / (limit >> 10):,.1f} {unit}"
    return f"{size / (1 << 40):,.1f} TB"
