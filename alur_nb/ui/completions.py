"""Completion for our magics and the bodies of their cells, as a matcher of IPython's completer.

The matcher speaks on our lines only. IPython asks the other matchers too where it has nothing to offer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from IPython.core.completer import (
    CompletionContext,
    IPCompleter,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from alur_nb.ui.arguments import query_start
from alur_nb.ui.completions_body import column_offers, sql_offers
from alur_nb.ui.completions_line import Line, magic_offers
from alur_nb.ui.completions_names import Known, Offers

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from alur_nb.ui.magics import Magic
    from alur_nb.ui.session import Session

log = logging.getLogger(__name__)

IDENTIFIER = "alur_nb"
PRIORITY = 1_000
"""Above IPython's own matchers, which end at 100: the first that suppresses the others is heard alone."""
OURS = "alu"
"""From here on a magic's name can only be ours: `%al` may still become `%alias`."""

TABLE, PIPELINE, SQL = "alur_table", "alur_pipeline", "alur_sql"

_MAGIC_NAME = re.compile(r"\s*(?:[\w.\[\], ]+=\s*)?(%{1,2})(\w*)")
_LINE_MAGIC = re.compile(r"\s*(?:[\w.\[\], ]+=\s*)?%(\w+)\s")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")


def start(session: Session, magics: Iterable[Magic]) -> None:
    """Complete these magics in the session's shell, in place of an earlier session's."""
    offered = list(magics)
    commands = {magic.name: magic.command for magic in offered}
    cells = [magic.name for magic in offered if magic.kind != "line"]

    @context_matcher(identifier=IDENTIFIER, priority=PRIORITY)  # type: ignore[untyped-decorator]
    def matcher(context: CompletionContext) -> SimpleMatcherResult:
        try:
            known = Known(commands, cells, session.project)
            found = complete(context.full_text, context.cursor_line, context.cursor_position, known)
        # A matcher that raises prints a traceback into the notebook's log at every keystroke.
        except Exception:
            log.debug("completion failed", exc_info=True)
            found = None
        return _result(found)

    stop(session.shell)
    _completer(session.shell).custom_matchers.append(matcher)


def stop(shell: InteractiveShell) -> None:
    """Take our matcher out of the shell's completer."""
    matchers = _completer(shell).custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != IDENTIFIER]


def _completer(shell: InteractiveShell) -> IPCompleter:
    completer: IPCompleter = shell.Completer
    return completer


def _result(found: Offers | None) -> SimpleMatcherResult:
    if found is None or not found.offers:
        return SimpleMatcherResult(completions=[], suppress=False)
    is_shared = found.offers[0].kind == "magic" and not found.fragment.lstrip("%").startswith(OURS)
    return SimpleMatcherResult(
        completions=[SimpleCompletion(one.text, type=one.kind) for one in found.offers],
        matched_fragment=found.fragment,
        suppress=not is_shared,
        ordered=True,
    )


def complete(cell: str, row: int, column: int, known: Known) -> Offers | None:
    """Return what can stand at a row and column of a cell, counted from 0; None where that is not ours to say."""
    rows = cell.split("\n")
    if not 0 <= row < len(rows):
        return None
    first = next((index for index, text in enumerate(rows) if text.strip()), 0)
    before, after = rows[row][:column], rows[row][column:]
    head = _CELL_MAGIC.match(rows[first])
    body = "\n".join(rows[first + 1 :])
    if head is None:
        found = (
            None
            if before.lstrip().startswith("%%") and row > first
            else _line(_continued(rows[:row], before), after, known)
        )
    elif row > first:
        offset = sum(len(text) + 1 for text in rows[first + 1 : row]) + len(before)
        found = _body(head[1], body, offset, known)
    elif row == first:
        found = _cell_line(before, after, body, known)
    else:
        found = None
    return found if found is not None and before.endswith(found.fragment) else None


def _continued(rows: list[str], before: str) -> str:
    """Put the rows in front that end in a backslash: IPython reads them as one line."""
    while rows and rows[-1].endswith("\\"):
        before, rows = f"{rows[-1][:-1]} {before}", rows[:-1]
    return before


def _line(before: str, after: str, known: Known) -> Offers | None:
    named = _MAGIC_NAME.fullmatch(before)
    if named is not None:
        is_cell = named[1] == "%%"
        return magic_offers(named[2], named[1], known.cells if is_cell else known.commands)
    magic = _LINE_MAGIC.match(before)
    if magic is None or magic[1] not in known.commands:
        return None
    written = before[magic.end() :]
    if magic[1] == SQL:
        begin = query_start(written)
        if written[begin:].strip() and not written[begin:].startswith("-"):
            query = written[begin:] + after
            return sql_offers(query, len(written) - begin, known, is_pipeline=False)
    return Line(known.commands[magic[1]], written, after).complete(known)


def _cell_line(before: str, after: str, body: str, known: Known) -> Offers | None:
    magic = _CELL_MAGIC.match(before)
    if magic is None or magic.end() == len(before):
        return _line(before, after, known)
    if magic[1] not in known.cells:
        return None
    return Line(known.commands[magic[1]], before[magic.end() :], after, body).complete(known)


def _body(magic: str, body: str, offset: int, known: Known) -> Offers | None:
    if magic == SQL:
        return sql_offers(body, offset, known, is_pipeline=False)
    if magic not in (TABLE, PIPELINE):
        return None
    from alur_nb.authoring.parse import body_kind

    if body_kind(body) == "python":
        return None
    return (
        column_offers(body, offset) if magic == TABLE else sql_offers(body, offset, known, is_pipeline=True)
    )
