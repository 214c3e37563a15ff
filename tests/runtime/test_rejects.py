"""What an error says of rejected rows: how to see them, and how to load the others, in code and on a magic's line."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb import BronzeTable, IntegerField, files
from alur_nb.runtime.errors import AuditError, RejectLimitError
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.rejects import Rejects, judge
from alur_nb.runtime.tables import table_of


def plan(**options: Any) -> SourcePlan:
    """Return the plan of a source with these options."""
    with use_project(Project()):

        class OrdersBronze(BronzeTable):
            id = IntegerField()

    return SourcePlan("orders", files("orders/*.csv", **options), table_of(OrdersBronze), ())


@pytest.mark.parametrize(
    ("options", "error", "way"),
    [
        ({}, AuditError, "files(.., strict=False) or --no-strict"),
        ({"strict": False}, RejectLimitError, "raise reject_limit (--reject-limit)"),
    ],
)
def test_the_next_step_is_told_for_code_and_for_the_magics_line(
    options: dict[str, Any], error: type[AuditError], way: str
) -> None:
    rejects = Rejects({"orders/1.csv": 3}, {}, ("orders/1.csv, line 2: no number | x",))
    with pytest.raises(error) as caught:
        judge(plan(**options), rejects, 10, "bronze.orders")
    fix = str(caught.value.fix)
    assert way in fix
    assert 'alur_nb.read_rejects("bronze.orders", last=True)' in fix
    assert "alur rejects bronze.orders --last" in fix
    assert "... 2 more" in str(caught.value)


def test_within_the_limit_nothing_is_raised() -> None:
    judge(plan(strict=False), Rejects({"orders/1.csv": 1}), 20, "bronze.orders")
