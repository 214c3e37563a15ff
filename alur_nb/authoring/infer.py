"""A contract with evidence, inferred from the heads of a few landing files; nothing is written and no table is read.

CSV and JSON lines are looked at without Spark, unless they are packed as Zstandard.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alur_nb.authoring.infer_cell import write_cell
from alur_nb.authoring.infer_columns import (
    candidate_keys,
    choose_text_column,
    evidence,
    gather,
    key_doubts,
)
from alur_nb.authoring.infer_facts import ColumnEvidence, FileFormat, Inference, Request, SampledFiles
from alur_nb.authoring.infer_files import Records, Share, Texts, find, format_of, read_records, read_texts
from alur_nb.authoring.infer_json import choose_json_column
from alur_nb.authoring.infer_parquet import choose_parquet_column, gathered, read_parquet
from alur_nb.authoring.infer_suspicions import rename_doubts, row_doubts
from alur_nb.authoring.infer_types import quoted
from alur_nb.authoring.infer_values import accepted_by
from alur_nb.authoring.sample import spread
from alur_nb.runtime import zstd
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.errors import SourceError, plural
from alur_nb.runtime.files import Files, LocalFiles, SourceFile
from alur_nb.runtime.landing import LaptopFiles
from alur_nb.runtime.settings import LOCAL, load_settings
from alur_nb.runtime.types import DateField, DoubleField

SAMPLE_ROWS = 10_000
SAMPLE_FILES = 8


@dataclass(frozen=True, slots=True)
class Found:
    """The files that match, all of one format."""

    files: tuple[SourceFile, ...]
    capped: bool
    """Whether there are more, which were not listed."""
    format: FileFormat

    @property
    def needs_spark(self) -> bool:
        """Whether Spark is started to read them: Parquet and Zstandard are read by what it carries."""
        return self.format == "parquet" or any(file.path.endswith(zstd.SUFFIXES) for file in self.files)


def landing_files(root: Path | None = None) -> tuple[Files, str]:
    """Return the landing files of the local environment, and the folder where relative patterns start."""
    settings = load_settings(root)
    environment = settings.environment(LOCAL)
    folder = Path(environment.landing or settings.root / "data")
    return LaptopFiles(LocalFiles(folder), environment.region), str(folder)


def list_files(request: Request, files: Files, landing: str) -> Found:
    """List the files that match; `landing` names their folder in errors.

    Raises SourceError where none matches.
    """
    found, capped = find(files, request.pattern, landing)
    return Found(tuple(found), capped, format_of(found))


def infer(
    request: Request, files: Files, found: Found, *, rows: int = SAMPLE_ROWS, most_files: int = SAMPLE_FILES
) -> Inference:
    """Infer the contract of the files that were found.

    Raises SourceError where none can be read, NotebookError for a name or a key that cannot be, DeclarationError for
    a wrong option.
    """
    dialect = Dialect.of(request.options)
    chosen = spread(found.files, most_files)
    share = Share.of(rows, len(chosen))
    sampled = SampledFiles(len(found.files), found.capped, bytes_found=sum(file.size for file in found.files))
    if found.format == "parquet":
        columns, sampled, doubts = _parquet(files, chosen, share, sampled)
    elif found.format == "jsonl":
        columns, sampled, doubts = _json(files, chosen, share, sampled)
    else:
        columns, sampled, doubts, dialect = _csv(files, chosen, share, sampled, dialect)
    return _inference(request, found.format, _options(request, dialect), columns, sampled, doubts)


Looked = tuple[tuple[ColumnEvidence, ...], SampledFiles, list[str]]


def _csv(
    files: Files, chosen: Sequence[SourceFile], share: Share, sampled: SampledFiles, dialect: Dialect
) -> tuple[tuple[ColumnEvidence, ...], SampledFiles, list[str], Dialect]:
    found: list[Texts] = []

    def read(file: SourceFile) -> Texts:
        nonlocal dialect
        # What the first file says of its separator holds for the others.
        texts, dialect = read_texts(files, file, dialect, share)
        return texts

    bad = _readable(chosen, read, found.append)
    nulls = {"", dialect.null_value}
    columns = evidence(
        gather((one.header, [_nulled(row, nulls) for row in one.rows]) for one in found),
        len(found),
        lambda name, one: choose_text_column(name, one, dialect.null_value),
    )
    doubts = [*bad, *_unread(found), *(_no_header(found) if dialect.header else ()), *_null_words(columns)]
    doubts += [
        f"{one.path}: {plural(one.ragged, 'row')} with more or fewer values than its header would be rejected"
        for one in found
        if one.ragged
    ]
    doubts += row_doubts((one.path, one.header, one.rows, one.head.complete) for one in found)
    named = [one.header for one in found] if dialect.header else []
    doubts += rename_doubts(named, columns, ordered=True)
    return columns, _sampled(sampled, found, sum(len(one.rows) for one in found)), doubts, dialect


def _null_words(columns: Sequence[ColumnEvidence]) -> Iterable[str]:
    """Say which word seems to mean null, and the option with which the line reads it so."""
    words = Counter(column.null_word for column in columns if column.null_word)
    for word, count in words.most_common(1):
        option = shlex.quote(f"nullValue={word}")
        yield f"{quoted(word)} seems to mean null in {plural(count, 'column')}: look again with --option {option}"


def _no_header(found: Sequence[Texts]) -> Iterable[str]:
    """Say where the first line looks like a row: names are seldom numbers and days."""
    is_number, is_day = accepted_by(DoubleField()), accepted_by(DateField())
    for one in found[:1]:
        # Years do head the columns of a table that was turned on its side.
        names = [name for name in one.header if not re.fullmatch("(19|20)[0-9]{2}", name)]
        odd = [name for name in names if is_number(name) or is_day(name)]
        if len(odd) * 2 > len(one.header):
            yield f"{one.path}: its first line looks like a row, not a header ({quoted(odd[0])}): --option header=false"


def _nulled(row: Sequence[str], nulls: set[str]) -> list[str | None]:
    return [None if value in nulls else value for value in row]


def _json(files: Files, chosen: Sequence[SourceFile], share: Share, sampled: SampledFiles) -> Looked:
    found: list[Records] = []
    bad = _readable(chosen, lambda file: read_records(files, file, share), found.append)
    headers = [tuple(dict.fromkeys(key for record in one.records for key in record)) for one in found]
    columns = evidence(
        gather(
            (header, [[record.get(key) for key in header] for record in one.records])
            for header, one in zip(headers, found, strict=True)
        ),
        len(found),
        choose_json_column,
    )
    doubts = [*bad, *_unread(found)]
    doubts += [
        f"{one.path}: {plural(one.bad, 'line')} without a record would be rejected"
        for one in found
        if one.bad
    ]
    doubts += rename_doubts(headers, columns, ordered=False)
    return columns, _sampled(sampled, found, sum(len(one.records) for one in found)), doubts


def _parquet(files: Files, chosen: Sequence[SourceFile], share: Share, sampled: SampledFiles) -> Looked:
    from alur_nb.runtime.context import get_spark_session

    footers = read_parquet(get_spark_session(), files, chosen, share.rows)
    columns = evidence(
        gathered(footers), len(footers), lambda name, one: choose_parquet_column(footers, name, one)
    )
    read = sum(len(footer.rows) for footer in footers)
    complete = len(footers) == sampled.found and read == sum(footer.records for footer in footers)
    looked = replace(
        sampled,
        opened=tuple(footer.path for footer in footers),
        rows=read,
        complete=complete and not sampled.capped,
        bytes_read=sum(file.size for file in chosen),
    )
    return columns, looked, list(rename_doubts([tuple(one.types) for one in footers], columns, ordered=False))


def _readable(
    chosen: Iterable[SourceFile], read: Callable[[SourceFile], object], keep: Callable[..., None]
) -> list[str]:
    """Read each file, and return what is to be said of those that cannot be; SourceError where none can."""
    bad: list[SourceError] = []
    count = 0
    for file in chosen:
        count += 1
        try:
            keep(read(file))
        except SourceError as error:
            bad.append(error)
    if len(bad) == count:
        raise bad[0]
    return [error.message for error in bad]


def _unread(found: Sequence[Texts | Records]) -> list[str]:
    return [
        f"{one.path}: the row that begins on line {one.head.unended_line} does not end; it was not read, nor what follows"
        for one in found
        if one.head.unended_line is not None
    ]


def _sampled(sampled: SampledFiles, found: Sequence[Texts | Records], rows: int) -> SampledFiles:
    whole = len(found) == sampled.found and all(one.head.complete for one in found)
    return replace(
        sampled,
        opened=tuple(one.path for one in found),
        rows=rows,
        complete=whole and not sampled.capped,
        bytes_read=sum(one.head.bytes_read for one in found),
    )


def _options(request: Request, dialect: Dialect) -> dict[str, str]:
    given = dict(request.options)
    if dialect.sep != "," and not {"sep", "delimiter"} & {key.lower() for key in given}:
        given["sep"] = "\\t" if dialect.sep == "\t" else dialect.sep
    return given


def _inference(
    request: Request,
    kind: FileFormat,
    options: dict[str, str],
    columns: tuple[ColumnEvidence, ...],
    sampled: SampledFiles,
    doubts: list[str],
) -> Inference:
    if not any(column.wanted is not None for column in columns):
        raise SourceError(
            f"The files of `{request.pattern}` hold no column that a table can have.",
            fix="Look at the first lines of one of them: a column needs a name.",
        )
    left_out = any(column.wanted is None for column in columns)
    if request.layer == "silver" and not request.primary_key:
        doubts = [*doubts, "a silver table without --primary-key appends; with one it merges"]
    return Inference(
        table=f"{request.layer}.{request.name}",
        pattern=request.pattern,
        format=kind,
        options=options,
        files=sampled,
        columns=columns,
        keys=candidate_keys(columns),
        doubts=(*doubts, *key_doubts(columns, request.primary_key)),
        cell=write_cell(request, columns),
        next_step=_ingestion(request, kind, options, left_out=left_out),
    )


def _ingestion(request: Request, kind: FileFormat, options: dict[str, str], *, left_out: bool) -> str:
    """Return the line that declares the ingestion of these files into the table."""
    words = [
        "%alur_pipeline",
        f"ingest_{request.name}",
        "--from",
        shlex.quote(request.typed or request.pattern),
    ]
    words += ["--target", f"{request.layer}.{request.name}"]
    words += ["--format", kind] if kind != "csv" else []
    for key, value in options.items():
        words += ["--option", shlex.quote(f"{key}={value}")]
    words += ["--extra-columns", "ignore"] if left_out else []
    return " ".join(words)
