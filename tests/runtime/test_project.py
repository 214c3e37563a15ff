"""The registry: origins, conflicts, retraction, the DAG, and what it finds wrong."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.pipelines import files, new, pipeline
from alur_nb.runtime.project import MAIN, Origin, Project, current_project, use_project
from alur_nb.runtime.tables import BronzeTable, GoldTable, SilverTable, TableType, table_of
from alur_nb.runtime.types import IntegerField, StringField

FOUR, SEVEN = Origin("cell 4", "id-4"), Origin("cell 7", "id-7")


def table(name: str, layer: type = BronzeTable, **columns: object) -> TableType:
    """Declare a table, as a class statement in the notebook does."""
    return TableType(name, (layer,), {"__module__": "__main__", **(columns or {"x": StringField()})})


def feed(name: str, target: TableType, *sources: TableType) -> None:
    """Declare a pipeline, as a decorated function in the notebook does."""
    parameters = [f"s{n}" for n in range(len(sources))]
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(f"def {name}({', '.join(parameters)}): ...", namespace)
    found = {parameter: new(source) for parameter, source in zip(parameters, sources, strict=True)}
    pipeline(sources=found or None, target=target)(namespace[name])  # type: ignore[arg-type]


@pytest.fixture
def module_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of local modules that are forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_tables_are_found_by_layer_and_by_bare_name_where_that_is_unique(project: Project) -> None:
    orders, late = table("Orders"), table("Late")
    table("Late", GoldTable)
    assert project.table("orders") == project.table("bronze.orders") == table_of(orders)
    assert project.table("bronze.late") == table_of(late)
    with pytest.raises(DeclarationError, match=r"`late` is the name of 2 tables: bronze\.late, gold\.late"):
        project.table("late")
    with pytest.raises(DeclarationError, match=r"no table `ordrs` \(did you mean `orders`\?\)"):
        project.table("ordrs")
    with pytest.raises(DeclarationError, match=r"no table `bronze.order` \(did you mean `bronze.orders`\?\)"):
        project.table("bronze.order")


def test_an_empty_project_says_how_to_declare() -> None:
    empty = Project()
    with pytest.raises(DeclarationError) as caught:
        empty.table("orders")
    assert "%%alur_table" in str(caught.value)
    # After a restart of the kernel it is the usual reason.
    assert "Run the cell that declares it first" in str(caught.value)
    with pytest.raises(DeclarationError, match="no pipeline `orders`"):
        empty.pipeline("orders")
    assert empty.order() == ()
    assert empty.problems() == ()


def test_a_cell_run_again_replaces_what_it_declared(project: Project) -> None:
    with project.declaring(FOUR):
        table("Orders")
        table("Gone")
    with project.declaring(Origin("cell 5", "id-4")):
        table("Orders", x=IntegerField())
    assert list(project.tables) == ["bronze.orders"]
    assert project.table("orders").columns["x"] == IntegerField()
    assert str(project.origin_of("orders")) == "cell 5", "the cell has moved: its id is what it is known by"
    assert project.conflicts() == {}


def test_a_cell_that_fails_changes_nothing(project: Project) -> None:
    with project.declaring(FOUR):
        orders = table("Orders")
    with contextlib.suppress(KeyboardInterrupt), project.declaring(FOUR):
        table("Orders", x=IntegerField())
        table("Late")
        raise KeyboardInterrupt
    assert project.tables == {"bronze.orders": table_of(orders)}
    table("Late")
    assert project.origin_of("late") == MAIN, "nothing is left of the cell that failed"


def test_inside_a_cell_its_earlier_declarations_are_still_there(project: Project) -> None:
    with project.declaring(FOUR):
        table("Orders")
    with project.declaring(FOUR):
        assert project.table("orders").name == "orders"
        table("Orders")


def test_the_same_name_from_another_cell_is_a_conflict_until_one_gives_in(project: Project) -> None:
    with project.declaring(FOUR):
        table("Orders")
    with project.declaring(SEVEN):
        table("Orders", x=IntegerField())
    assert project.table("orders").columns["x"] == IntegerField(), "the last one counts"
    assert project.conflicts() == {"table bronze.orders": (FOUR, SEVEN)}
    (problem,) = project.problems()
    assert problem.severity == "error"
    assert "bronze.orders is declared in cell 4 and in cell 7" in problem.message
    assert (problem.place, problem.subject) == ("cell 4, cell 7", "bronze.orders")
    project.retract(SEVEN)
    assert project.table("orders").columns["x"] == StringField(), "what was replaced counts again"
    assert project.problems() == ()


def test_two_classes_of_one_cell_with_one_name_are_a_conflict(project: Project) -> None:
    with project.declaring(FOUR):
        table("OrdersBronze")
        table("OrdersTable")
    (problem,) = project.problems()
    assert problem.message.startswith("The table bronze.orders is declared in cell 4, 2 times")


def test_two_functions_of_one_name_in_two_cells_are_a_conflict(project: Project) -> None:
    orders, late = table("Orders"), table("Late")
    with project.declaring(FOUR):
        feed("load", orders)
    with project.declaring(SEVEN):
        feed("load", late)
    assert project.pipeline("load").target.name == "late"
    assert [problem.subject for problem in project.problems()] == ["load"]


def test_outside_of_cells_a_name_is_simply_taken_over(project: Project) -> None:
    table("OrdersBronze")
    table("OrdersTable")
    table("OrdersTable", x=IntegerField())
    assert project.problems() == ()
    assert project.table("orders").class_name == "OrdersTable"


def test_a_local_module_keeps_its_declarations_when_the_cell_that_imported_it_runs_again(
    project: Project, module_folder: Path
) -> None:
    source = "from alur_nb import *\nclass SharedBronze(BronzeTable): x = StringField()\n"
    (module_folder / "shop_tables.py").write_text(source)
    for _ in range(2):
        with project.declaring(FOUR):
            importlib.import_module("shop_tables")
            table("Own")
    assert list(project.tables) == ["bronze.own", "bronze.shared"]
    assert str(project.origin_of("shared")) == "shop_tables.py"
    assert str(project.origins()["table bronze.shared"]) == "shop_tables.py"
    with project.declaring(FOUR):
        importlib.reload(sys.modules["shop_tables"])
    assert list(project.tables) == ["bronze.shared"]
    assert project.problems() == ()


def test_a_failing_cell_does_not_lose_the_module_that_it_imported(
    project: Project, module_folder: Path
) -> None:
    source = "from alur_nb import *\nclass SharedBronze(BronzeTable): x = StringField()\n"
    (module_folder / "shop_tables.py").write_text(source)
    with contextlib.suppress(ZeroDivisionError), project.declaring(FOUR):
        importlib.import_module("shop_tables")
        raise ZeroDivisionError
    assert list(project.tables) == ["bronze.shared"], "the module is not imported a second time"


def test_a_pipeline_sees_its_tables_as_they_are_declared_now(project: Project) -> None:
    orders, late = table("Orders"), table("Late")
    feed("pick", late, orders)
    assert project.pipeline("pick") is project.pipeline("pick")
    table("Late", y=StringField())
    assert list(project.pipeline("pick").target.columns) == ["y"]
    assert project.problems() == ()


def test_a_check_that_a_changed_table_breaks_is_found(project: Project) -> None:
    from alur_nb.runtime.checks import no_nulls_in_column
    from alur_nb.runtime.pipelines import expect

    @expect(check_fn=no_nulls_in_column("x"))
    @pipeline(sources={"orders": files("x/*.csv")}, target=table("Orders"))
    def load(orders: object) -> object:
        return orders

    table("Orders", y=StringField())
    (problem,) = project.problems()
    assert "looks at `x`, which bronze.orders does not have" in problem.message


def test_the_order_is_sources_first_alphabetical_and_complete(project: Project) -> None:
    a, b, c, d, e = (table(name) for name in ("A", "B", "C", "D", "E"))
    feed("z_load", a)
    feed("y_pick", b, a)
    feed("m_join", c, a, b)
    feed("alone", d)
    feed("b_load", e)
    assert project.order() == ("alone", "b_load", "z_load", "y_pick", "m_join")
    assert project.order(["m_join", "z_load"]) == ("z_load", "m_join")
    assert project.edges() == (("y_pick", "m_join"), ("z_load", "m_join"), ("z_load", "y_pick"))
    assert project.upstream("m_join") == ("z_load", "y_pick")
    assert project.downstream("z_load") == ("y_pick", "m_join")
    assert project.upstream("alone") == project.downstream("alone") == ()
    with pytest.raises(DeclarationError, match=r"no pipeline `z_laod` \(did you mean `z_load`\?\)"):
        project.order(["z_laod"])


def test_names_are_ordered_by_what_lies_between_them(project: Project) -> None:
    a, b, c = table("A"), table("B"), table("C")
    feed("z_first", a)
    feed("between", b, a)
    feed("a_last", c, b)
    assert project.order(["a_last", "z_first"]) == ("z_first", "a_last")


def test_a_cycle_is_named_and_does_not_stop_the_others(project: Project) -> None:
    a, b, c, d = (table(name) for name in ("A", "B", "C", "D"))
    feed("two", a, c)
    feed("one", b, a)
    feed("three", c, b)
    feed("free", d)
    with pytest.raises(DeclarationError, match="cycle: one -> three -> two -> one"):
        project.order()
    assert project.order(["free"]) == ("free",)
    (problem,) = project.problems()
    assert (problem.severity, problem.subject) == ("error", "one")
    assert "one -> three -> two -> one" in problem.message


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_an_order_keeps_every_edge(pairs: set[tuple[int, int]]) -> None:
    upward = sorted((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
    with use_project(Project()) as project:
        made = [table(f"T{n}") for n in range(7)]
        for n in range(7):
            feed(f"p{n}", made[n], *(made[one] for one in sorted({low for low, high in upward if high == n})))
        order = project.order()
        assert sorted(order) == [f"p{n}" for n in range(7)]
        assert all(order.index(f"p{low}") < order.index(f"p{high}") for low, high in upward)
        for name in order:
            assert set(project.upstream(name)) == {one for one in order if name in project.downstream(one)}


def test_what_is_wrong_is_said_errors_first(project: Project) -> None:
    orders, late = table("Orders"), table("Late")
    with project.declaring(FOUR):
        feed("b_one", late, orders)
    with project.declaring(SEVEN):
        feed("a_two", late, orders)
    feed("gold", table("Sum", GoldTable), orders, late)
    feed("silver", table("Clean", SilverTable), orders)
    found = [(problem.severity, problem.subject) for problem in project.problems()]
    assert found == [("error", "b_one"), ("warning", "gold")]
    shared, joined = project.problems()
    assert shared.message == "a_two and b_one both write bronze.late."
    assert shared.place == "cell 7, cell 4"
    assert "gold has 2 new(..) sources (s0, s1)" in joined.message
    assert all(problem.fix and problem.place for problem in project.problems())
    assert str(shared).splitlines()[1] == "  where: cell 7, cell 4"


def test_a_table_whose_cell_was_retracted_is_missed(project: Project) -> None:
    with project.declaring(FOUR):
        orders = table("Orders")
    with project.declaring(SEVEN):
        feed("pick", table("Late"), orders)
    project.retract(FOUR)
    (problem,) = project.problems()
    assert problem.message.startswith("pick reads bronze.orders, which nothing declares any more")
    assert problem.place == "cell 7"


def test_the_current_project_is_one_for_all_threads(project: Project) -> None:
    seen: list[Project] = []
    other = Project()
    with use_project(other):
        thread = threading.Thread(target=lambda: seen.append(current_project()))
        thread.start()
        thread.join()
        table("Orders")
    assert seen == [other]
    assert current_project() is project
    assert list(other.tables) == ["bronze.orders"]
    assert not project.tables


def test_use_project_ends_with_an_error_too(project: Project) -> None:
    with contextlib.suppress(ZeroDivisionError), use_project(Project()):
        raise ZeroDivisionError
    assert current_project() is project


def test_origins_are_known_by_their_cells_id() -> None:
    assert Origin("cell 4", "a") == Origin("cell 9", "a")
    assert Origin("cell 4", "a") != Origin("cell 4", "b")
    assert Origin("cell 4") == Origin("cell 4")
    assert len({Origin("x"), Origin("x"), Origin("x", "x")}) == 2
