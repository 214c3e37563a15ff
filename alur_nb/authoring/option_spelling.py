"""Advice in the spelling of its reader: `files(.., strict=False)` is `--no-strict` to whoever wrote a magic's line."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from alur_nb.authoring.preview_facts import Preview, SourcePreview

_FILES = re.compile(r"files\(\.\., ([^()]*)\)")
_PARAMETER = re.compile(
    r"\b(extra_columns|on_changed|same_content|reject_limit|schema_mode|source_system|contract)="
    r'"?([\w.]*\w|\.\.)"?'
)
_OPTIONS = re.compile(r'\boptions=\{"(\w+)": "(.*?)"\}')
_BOTH = re.compile(r"(--[a-z][\w-]*(?: [\w.]*\w)?) or \1(?![\w-])")
_BESIDE = re.compile(r"\b(reject_limit) \((--reject-limit)\)")


def in_options(text: str) -> str:
    """Return advice with the parameters of `files()` written as the options of `%alur_pipeline`."""
    text = _FILES.sub(lambda found: _inside(found[1]), text)
    text = _BESIDE.sub(r"\2", text)
    text = _OPTIONS.sub(lambda found: f"--option {shlex.quote(f'{found[1]}={found[2]}')}", text)
    text = _PARAMETER.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2]}", text)
    return _BOTH.sub(r"\1", text)


def _inside(parameters: str) -> str:
    parameters = parameters.replace("strict=False", "--no-strict")
    # A column has a format too; this one is the files'.
    return re.sub(r'\bformat="?([\w.]*\w|\.\.)"?', r"--format \1", parameters)


def preview_in_options(preview: Preview, is_by_options: Callable[[str], bool]) -> Preview:
    """Return a preview whose advice speaks in options, of each pipeline for which `is_by_options` says so."""

    def told(text: str) -> str:
        # What is said of another pipeline begins with its name.
        name = re.match(r"(\w+)(?:, upstream)?: ", text)
        upstream = {step.pipeline for step in preview.lineage}
        owner = name[1] if name and name[1] in upstream else preview.pipeline
        return in_options(text) if is_by_options(owner) else text

    def source_told(source: SourcePreview) -> SourcePreview:
        files = tuple(
            replace(one, reason=one.reason and told(one.reason), fix=one.fix and told(one.fix))
            for one in source.files
        )
        return replace(source, files=files)

    return replace(
        preview,
        problems=tuple(
            replace(one, message=told(one.message), fix=one.fix and told(one.fix)) for one in preview.problems
        ),
        warnings=tuple(map(told, preview.warnings)),
        notes=tuple(map(told, preview.notes)),
        sources=tuple(map(source_told, preview.sources)),
    )
