"""Spark's refusals of a query, in words of ours and with their place in the cell."""

from __future__ import annotations

import pytest

from alur_nb.authoring.query import refused
from alur_nb.runtime.errors import Place

COLUMNS = {"orders": ["id", "amount"], "customers": ["id", "name"]}
UNRESOLVED = (
    "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name {} cannot be resolved. "
    "Did you mean one of the following? [`orders`.`id`, `orders`.`amount`].; line {} pos {};\n'Project"
)


@pytest.mark.parametrize(
    ("text", "message", "told", "place"),
    [
        (
            "select amont from orders",
            UNRESOLVED.format("`amont`", 1, 7),
            "The query's tables have no column `amont` (did you mean `amount`?).",
            Place(line=2, column=8),
        ),
        (
            "select id,\n  o . Amont\nfrom orders o",
            UNRESOLVED.format("`o`.`Amont`", 2, 2),
            "The query's tables have no column `Amont` (did you mean `amount`?).",
            Place(line=3, column=3),
        ),
        (
            "select amont, x.amont, amont from orders x",
            UNRESOLVED.format("`amont`", 1, 23),
            "The query's tables have no column `amont` (did you mean `amount`?).",
            Place(line=2, column=24),
        ),
        (
            "select 1 from orders o where amont = 1 or amont = 2",
            UNRESOLVED.format("`amont`", 1, 60),
            "The query's tables have no column `amont` (did you mean `amount`?).",
            Place(line=2, column=43),
        ),
        (
            "select id\nfrom orders where 1 1",
            "[PARSE_SYNTAX_ERROR] Syntax error at or near '1'.(line 2, pos 52)\n\n== SQL ==\n",
            "Spark refuses the query: Syntax error at or near '1'.",
            Place(line=3, column=21),
        ),
        (
            "select id\nfrom",
            "[PARSE_SYNTAX_ERROR] Syntax error at or near end of input.(line 2, pos 4)",
            "Spark refuses the query: Syntax error at or near end of input.",
            Place(line=3),
        ),
        (
            "select summ(id) from orders",
            "[UNRESOLVED_ROUTINE] Cannot resolve function `summ` on search path [`system`.`builtin`].; line 1 pos 7",
            "Spark refuses the query: Cannot resolve function `summ` on search path [`system`.`builtin`].",
            Place(line=2, column=8),
        ),
        (
            "select 1",
            "[SOMETHING_NEW] No place at all",
            "Spark refuses the query: No place at all.",
            Place(line=2),
        ),
    ],
)
def test_a_refusal_has_its_place(text: str, message: str, told: str, place: Place) -> None:
    error = refused(text, message, COLUMNS)
    assert (error.message, error.place) == (told, place)
    assert error.fix == "orders: id, amount; customers: id, name"
