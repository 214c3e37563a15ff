"""The names that a completion offers, and where each kind is looked up: never in Spark, never over the network.

The file system is asked for `alur.toml` and for one listing of one folder, no more.
"""

from __future__ import annotations

import importlib.util
import os
import re
import zoneinfo
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from alur_nb.authoring.command_line import Command
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import LOCAL, Settings, load_settings
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table

MAX_LISTED = 2_000
"""Entries that are looked at in one folder: what a front end shows of them is fewer still."""

_GLOB = re.compile(r"[*?\[{]")


@dataclass(frozen=True, slots=True)
class Offer:
    """One completion: the text that takes the fragment's place, and what it is, in a word."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Offers:
    """The completions of one place; `fragment` is what they replace, the last characters before the cursor."""

    fragment: str
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the kernel knows at this moment; `commands` by the magic's name without its percent sign."""

    commands: Mapping[str, Command]
    cells: Collection[str]
    """The magics that take a cell."""
    project: Project

    def table(self, name: str) -> Table | None:
        """Return the table of a class, of `layer.name`, or of a bare name that is unique."""
        tables = self.project.tables
        if name in tables:
            return tables[name]
        found = [table for table in tables.values() if name in (table.name, table.class_name)]
        return found[0] if len(found) == 1 else None

    def table_names(self) -> list[str]:
        """Return how each table can be named in a query: bare where that is unique, and with its layer."""
        tables = self.project.tables
        layers: dict[str, int] = {}
        for table in tables.values():
            layers[table.name] = layers.get(table.name, 0) + 1
        return [*(name for name, count in layers.items() if count == 1), *tables]

    def settings(self) -> Settings | None:
        """Read `alur.toml`; nothing where it is wrong: the next magic that runs says so."""
        try:
            return load_settings()
        except (SettingsError, OSError):
            return None


def offers(fragment: str, texts: Iterable[str], kind: str) -> tuple[Offer, ...]:
    """Offer each text once that begins with the fragment, in any case."""
    wanted = fragment.casefold()
    return tuple(Offer(text, kind) for text in dict.fromkeys(texts) if text.casefold().startswith(wanted))


def table_offers(known: Known, typed: str, suffix: str = "") -> tuple[Offer, ...]:
    """Offer tables as they can be named; `ord` also finds `bronze.orders` where `orders` alone is not unique."""
    names = [f"{name}{suffix}" for name in known.table_names()]
    wanted = typed.casefold()
    bare = {name for name in names if "." not in name}
    behind = [(name, name.partition(".")[2]) for name in names if "." in name]
    deeper = [name for name, last in behind if wanted and last.startswith(wanted) and last not in bare]
    return (*offers(typed, names, "table"), *(Offer(name, "table") for name in deeper))


def environments(known: Known, *, deployed: bool) -> list[str]:
    """Return the environments of `alur.toml`; `local` too unless they must be `deployed`."""
    settings = known.settings()
    names = [] if settings is None else list(settings.environments)
    return [name for name in names if not deployed or name != LOCAL]


def landing_offers(known: Known, typed: str) -> Offers:
    """Offer what lies under the landing root of the laptop; on S3 what the pipelines and `alur.toml` name already."""
    settings = known.settings()
    if "://" in typed:
        return _remote_offers(typed, [*_patterns(known), *_landings(settings)])
    landing = settings.environments[LOCAL].landing if settings is not None else None
    if landing is None or "://" in landing:
        return Offers(typed)
    return path_offers(Path(landing), typed)


def path_offers(root: Path, typed: str, suffix: str | None = None) -> Offers:
    """Offer the folders, and the files of one ending, in the folder that is typed so far; by one listing."""
    folder, _, leaf = typed.rpartition("/")
    if _GLOB.search(folder):
        return Offers(leaf)
    folder = "/" if typed.startswith("/") and not folder else folder
    found = sorted(_listed(root / folder), key=lambda entry: (not entry.endswith("/"), entry))
    kept = [name for name in found if suffix is None or name.endswith(("/", suffix))]
    shown = [name for name in kept if leaf.startswith(".") or not name.startswith(".")]
    return Offers(leaf, offers(leaf, shown, "path"))


def _listed(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [f"{one.name}/" if _is_folder(one) else one.name for one in islice(entries, MAX_LISTED)]
    except (OSError, ValueError):  # no such folder; a null character in its name
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _patterns(known: Known) -> Iterator[str]:
    for pipeline in known.project.pipelines.values():
        for source in pipeline.sources.values():
            if isinstance(source, FileSource):
                yield from source.patterns


def _landings(settings: Settings | None) -> list[str]:
    found = settings.environments.values() if settings is not None else ()
    return [f"{one.landing.rstrip('/')}/" for one in found if one.landing]


def _remote_offers(typed: str, addresses: Iterable[str]) -> Offers:
    """Offer the next folder of each address that begins with the folder typed so far."""
    folder, _, leaf = typed.rpartition("/")
    folder += "/"
    below = (address[len(folder) :] for address in addresses if address.startswith(folder))
    parts = sorted({part for part, slash, _ in (rest.partition("/") for rest in below) if part and slash})
    return Offers(leaf, offers(leaf, [f"{part}/" for part in parts if not _GLOB.search(part)], "path"))


def zone_offers(typed: str) -> Offers:
    """Offer time zones a folder at a time, `Europe/` and then `Europe/Berlin`.

    `zoneinfo.available_timezones()` would open each of some 1,800 files to tell whether it is a zone.
    """
    folder, slash, _ = typed.rpartition("/")
    # Beside the zones lie `posix` and `right`, which hold them again, and tables such as `zone.tab`.
    root = _zones()
    listed = _listed(root / folder) if root is not None else []
    names = [name for name in listed if name[:1].isupper() and "." not in name]
    first = [] if slash else [name for name in ("UTC",) if name in names]
    return Offers(
        typed, offers(typed, [f"{folder}{slash}{name}" for name in [*first, *sorted(names)]], "value")
    )


def _zones() -> Path | None:
    """Return the folder of the time zones: the system's, else the one of the package that zoneinfo falls back on."""
    for folder in zoneinfo.TZPATH:
        if Path(folder).is_dir():
            return Path(folder)
    package = importlib.util.find_spec("tzdata")
    return Path(package.origin).parent / "zoneinfo" if package is not None and package.origin else None
