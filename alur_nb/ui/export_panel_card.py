"""The export panel's facts as a card, with all that its text says."""

from __future__ import annotations

from alur_nb.authoring.export_facts import (
    EnvironmentFact,
    ExportFacts,
    Hindrance,
    last_text,
    verdict,
    written_text,
)
from alur_nb.ui.html import (
    Content,
    Html,
    block,
    card,
    code,
    details,
    items,
    joined,
    paragraph,
    strong,
    table,
)


def facts_card(value: ExportFacts) -> Html:
    """Show what an export would do, and what stands in its way."""
    if not value.notebook:
        return card(paragraph("Nothing was looked at."))
    return card(
        paragraph(strong(f"export of {value.notebook} to {value.folder}/: {verdict(value)}")),
        paragraph(strong("saved: "), value.saved),
        items(value.unsaved),
        items(_problem(problem) for problem in value.problems),
        _environments(value),
        *(_lacking(environment) for environment in value.environments),
        _parameters(value),
        _jobs(value),
        items(joined(strong("note: "), note) for note in value.notes),
        paragraph(strong("next: "), code(value.next_step)),
    )


def _problem(problem: Hindrance) -> Html:
    parts: list[Content] = [strong("problem: "), problem.message]
    parts += [f" Where: {problem.place}."] if problem.place else []
    if problem.fix:
        parts += [" Next: ", block(problem.fix) if "\n" in problem.fix else code(problem.fix)]
    return joined(*parts)


def _environments(value: ExportFacts) -> Html | None:
    if not value.environments:
        return None
    rows = [
        (
            one.name,
            one.state,
            "the default" if one.name == value.chosen else "",
            code(one.landing) if one.landing else "",
            one.region,
            last_text(one),
        )
        for one in value.environments
    ]
    headers = ("environment", "state", "without --env", "landing", "region", "last export")
    return table("environments", headers, rows)


def _lacking(environment: EnvironmentFact) -> Html | None:
    if not environment.problems:
        return None
    found = items(_problem(problem) for problem in environment.problems)
    return details(f"{environment.name}: {environment.state}", found, is_open=True)


def _parameters(value: ExportFacts) -> Html | None:
    if not value.parameters:
        return None
    rows = [
        (
            one.name,
            code(repr(one.default)),
            ", ".join(f"{given!r} in {environment}" for environment, given in one.values.items()),
        )
        for one in value.parameters
    ]
    return table(
        "parameters of the cell tagged `parameters`", ("parameter", "default", "by environment"), rows
    )


def _jobs(value: ExportFacts) -> Html:
    rows = [(job.script, job.writes, job.schedule) for job in value.jobs]
    listed = table("jobs", ("script", "writes", "at"), rows) if rows else None
    return joined(
        paragraph(strong("writes "), written_text(value)),
        listed,
        details("tables", items(code(name) for name in value.tables)) if value.tables else None,
    )
