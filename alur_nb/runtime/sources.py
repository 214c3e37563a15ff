"""What a pipeline reads: landing files, a table as a whole, or the batches of a table that are new to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, cast, get_args

from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.tables import Table, TableType, contract_of, table_of
from alur_nb.runtime.types import FrozenMap

if TYPE_CHECKING:
    from alur_nb.runtime.tables import BaseTable

ExtraColumns = Literal["error", "ignore"]
OnChanged = Literal["error", "ignore", "replace"]
SameContent = Literal["warn", "skip"]
SchemaMode = Literal["contract", "evolve", "rescue"]

FORMATS = ("csv", "jsonl", "parquet")
# What people call JSON lines; a file that is one JSON array is not of this format, and says so when it is read.
SPELLED = {"json": "jsonl", "ndjson": "jsonl"}

# Spark's CSV options that may be given, by Spark's name. Spark knows some by two names.
OPTIONS = (
    "sep",
    "delimiter",
    "quote",
    "escape",
    "encoding",
    "charset",
    "header",
    "nullValue",
    "emptyValue",
    "comment",
    "multiLine",
)
# Options that would change what a row means behind the reader's back, and what to do instead.
SETTLED_OPTIONS: Mapping[str, str] = FrozenMap(
    {
        "enforceSchema": "columns are always matched by their header, never by position",
        "inferSchema": "the types are the contract's",
        "mode": "bad rows are always kept apart, with the reason; see strict=",
        "columnNameOfCorruptRecord": "bad rows are always kept apart, with the raw line; read them by read_rejects()",
        "timestampFormat": "a column has its own: TimestampField(format=...)",
        "timestampNTZFormat": "a column has its own: TimestampField(format=...)",
        "dateFormat": "a column has its own: DateField(format=...)",
        "enableDateTimeParsingFallback": "a value that does not fit the column's format is rejected",
        "ignoreLeadingWhiteSpace": "blanks are kept in text and trimmed in every other type",
        "ignoreTrailingWhiteSpace": "blanks are kept in text and trimmed in every other type",
        "preferDate": "the types are the contract's",
        "samplingRatio": "the types are the contract's",
        "pathGlobFilter": "the pattern says which files: files('orders/*.csv')",
        "recursiveFileLookup": "the pattern says which files: files('orders/**/*.csv')",
        "ignoreCorruptFiles": "a file that cannot be read stops the run or is skipped by name; see strict=",
        "ignoreMissingFiles": "a file that vanished stops the run",
        "compression": "a .gz file is known by its name",
        "lineSep": "lines may end in LF, CRLF or CR",
    }
)


@dataclass(frozen=True, slots=True)
class FileSource:
    """Landing files: which, how they are written, and what to do with those that do not fit."""

    patterns: tuple[str, ...]
    source_system: str | None = None
    contract: Table | None = None
    format: str = "csv"
    options: Mapping[str, str] = FrozenMap()
    strict: bool = True
    extra_columns: ExtraColumns = "error"
    on_changed: OnChanged = "error"
    same_content: SameContent = "warn"
    reject_limit: float = 0.05
    schema_mode: SchemaMode = "contract"

    @property
    def unknown_columns(self) -> str:
        """What becomes of a column that the contract does not have: `error`, `ignore`, `rescue` or `add`."""
        modes = {"contract": str(self.extra_columns), "rescue": "rescue", "evolve": "add"}
        return modes[self.schema_mode]

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", FrozenMap(self.options))

    def with_tables(self, tables: Mapping[str, Table]) -> FileSource:
        """Return the source with its contract as it is declared now."""
        if self.contract is None:
            return self
        return replace(self, contract=tables.get(self.contract.qualified_name, self.contract))


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table read whole: the batches that are committed when the run is planned."""

    table: Table

    def with_tables(self, tables: Mapping[str, Table]) -> TableSource:
        """Return the source with its table as it is declared now."""
        return TableSource(tables.get(self.table.qualified_name, self.table))


@dataclass(frozen=True, slots=True)
class NewSource:
    """The committed batches of a table that no batch of the target has read yet."""

    table: Table

    def with_tables(self, tables: Mapping[str, Table]) -> NewSource:
        """Return the source with its table as it is declared now."""
        return NewSource(tables.get(self.table.qualified_name, self.table))


Source = FileSource | TableSource | NewSource


def new(table: type[BaseTable] | Table) -> NewSource:
    """Read the batches of `table` that this pipeline's target has not taken yet, each exactly once.

    Examples
    --------
    >>> @pipeline(sources={"orders": new(OrdersBronze)}, target=LateOrdersBronze)
    ... def late_orders(orders):
    ...     return orders.filter("days > 7")
    """
    if isinstance(table, FileSource | TableSource | NewSource):
        raise DeclarationError(
            f"new() takes a table, and {type(table).__name__} was given.",
            fix="files(..) gives new files only, without new(); new(OrdersBronze) is for tables.",
        )
    return NewSource(table_of(table))


def files(
    pattern: str | Sequence[str],
    source_system: str | None = None,
    contract: type[BaseTable] | Table | None = None,
    format: str | None = None,
    options: Mapping[str, object] | None = None,
    strict: bool = True,
    extra_columns: ExtraColumns = "error",
    on_changed: OnChanged = "error",
    same_content: SameContent = "warn",
    reject_limit: float = 0.05,
    schema_mode: SchemaMode = "contract",
) -> FileSource:
    """Read the landing files of a pattern, each once; relative to the environment's `landing` folder.

    Parameters
    ----------
    pattern
        `"orders/*.csv"`, or several.
    source_system
        What `_source_system` says in every row.
    contract
        The columns of the files, where they are not the target's: a table class, which need not declare a table.
    format
        `"csv"`, `"jsonl"` (JSON lines), `"parquet"`; the first two also in `.gz`, `.bz2`, `.zst`, `.zstd`.
    options
        Spark's CSV options by name: `{"sep": ";", "nullValue": "NA"}`; the other formats have none.
    strict
        One bad file or row publishes nothing; else bad files are skipped and bad rows rejected, both reported.
    extra_columns
        A column that the contract does not know makes the file bad, or is ignored.
    on_changed
        What to do with a loaded file that has changed since.
    same_content
        The same content under another name: load it with a warning, or skip it.
    reject_limit
        The share of rejected rows, 0 to 1, above which nothing is published.
    schema_mode
        What becomes of columns that the contract does not have: `"contract"`, as `extra_columns` says; `"rescue"`,
        kept as JSON in `_rescued`; `"evolve"`, added to the table, and the report shows the lines to declare them.

    Raises
    ------
    DeclarationError
        An argument is not one of those above; the message shows what is.
    """
    chosen, given = _format(format), _options(options or {})
    mode = cast(SchemaMode, _choice("schema_mode", schema_mode, get_args(SchemaMode)))
    _check_together(chosen, given, mode, extra_columns)
    return FileSource(
        patterns=_patterns(pattern),
        source_system=_text("source_system", source_system),
        contract=None if contract is None else contract_of(contract),
        format=chosen,
        options=given,
        strict=_flag("strict", strict),
        extra_columns=cast(ExtraColumns, _choice("extra_columns", extra_columns, get_args(ExtraColumns))),
        on_changed=cast(OnChanged, _choice("on_changed", on_changed, get_args(OnChanged))),
        same_content=cast(SameContent, _choice("same_content", same_content, get_args(SameContent))),
        reject_limit=_share("reject_limit", reject_limit),
        schema_mode=mode,
    )


def source_of(value: object) -> Source:
    """Return the source of a `sources=` entry: `files(..)`, `new(..)`, or a table read whole.

    Raises
    ------
    DeclarationError
        The value is none of these.
    """
    if isinstance(value, FileSource | TableSource | NewSource):
        return value
    if isinstance(value, Table | TableType):
        return TableSource(table_of(value))
    fix = (
        f'files("{value}")'
        if isinstance(value, str | PurePath)
        else 'files("orders/*.csv") or new(OrdersBronze)'
    )
    raise DeclarationError(f"A source is a table, new(..) or files(..), and {value!r} was given.", fix=fix)


def _patterns(pattern: object) -> tuple[str, ...]:
    given = tuple(pattern) if isinstance(pattern, Sequence) and not isinstance(pattern, str) else (pattern,)
    for item in given:
        if not isinstance(item, str | PurePath) or not str(item).strip():
            raise DeclarationError(f"files: {item!r} is not a pattern of paths.", fix='files("orders/*.csv")')
    if not given:
        raise DeclarationError("files: the list of patterns is empty.", fix='files("orders/*.csv")')
    return tuple(
        dict.fromkeys(item.as_posix() if isinstance(item, PurePath) else str(item) for item in given)
    )


def _text(key: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise DeclarationError(f"files: {key} is {value!r}, not a text.", fix=f'{key}="shop"')


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise DeclarationError(f"files: {key} is {value!r}, not True or False.", fix=f"{key}=False")


def _share(key: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise DeclarationError(
        f"files: {key} is {value!r}, not a share from 0 to 1.", fix=f"{key}=0.05 is five of a hundred rows."
    )


def _choice(key: str, value: object, choices: tuple[str, ...]) -> str:
    if value in choices:
        return str(value)
    raise DeclarationError(
        f"files: {key} is {value!r}{suggest(str(value), choices)}.",
        fix=" or ".join(f'{key}="{choice}"' for choice in choices),
    )


def _format(value: object) -> str:
    chosen = "csv" if value is None else str(value).lower()
    chosen = SPELLED.get(chosen, chosen)
    if chosen not in FORMATS:
        raise DeclarationError(
            f"files: the format {value!r} is unknown{suggest(chosen, FORMATS)}.",
            fix='format="csv", "jsonl" or "parquet"',
        )
    return chosen


def _check_together(chosen: str, options: Mapping[str, str], mode: str, extra_columns: object) -> None:
    if options and chosen != "csv":
        raise DeclarationError(
            f'files: format="{chosen}" has no options, and `{next(iter(options))}` was given.',
            fix="Leave options out: they are for CSV.",
        )
    if mode != "contract" and extra_columns != "error":
        raise DeclarationError(
            f'files: schema_mode="{mode}" keeps new columns, and extra_columns="{extra_columns}" would drop them.',
            fix="Leave one of the two out.",
        )
    if mode != "contract" and options.get("header") == "false":
        raise DeclarationError(
            f'files: schema_mode="{mode}" knows new columns by their names, and these files have none.',
            fix='Leave schema_mode out where options={"header": "false"}.',
        )


def _options(given: Mapping[str, object]) -> FrozenMap[str, str]:
    """Check the options and spell their names as Spark documents them; Spark itself ignores case."""
    if not isinstance(given, Mapping):
        raise DeclarationError(f"files: options is {given!r}, not a dict.", fix='options={"nullValue": "NA"}')
    return FrozenMap(
        {_option_name(str(name)): _option_value(str(name), value) for name, value in given.items()}
    )


def _option_name(name: str) -> str:
    spelled = {option.lower(): option for option in (*OPTIONS, *SETTLED_OPTIONS)}.get(name.lower())
    if spelled is None:
        raise DeclarationError(
            f"files: there is no option `{name}`{suggest(name, OPTIONS)}.",
            fix=f"The options are {', '.join(OPTIONS)}.",
        )
    if spelled in SETTLED_OPTIONS:
        raise DeclarationError(
            f"files: the option `{spelled}` is not yours to set: {SETTLED_OPTIONS[spelled]}.",
            fix=f"Take `{name}` out of options.",
        )
    return spelled


def _option_value(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else value
    if not isinstance(text, str):
        raise DeclarationError(
            f"files: the option `{name}` is {value!r}, not a text.", fix=f'"{name}": "{value}"'
        )
    if name.lower() in ("header", "multiline"):
        text = _choice(f"the option `{name}`", text.lower(), ("true", "false"))
    return text
