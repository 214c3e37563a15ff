"""What a statement must not do when a pipeline needs it, and what is done for its effect alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from alur_nb.authoring.bindings import When
from alur_nb.authoring.conflicts import place_of
from alur_nb.authoring.expressions import LOOKING, path_of
from alur_nb.authoring.hazards import (
    Hazard,
    interactive_module,
    one_shot,
    only_shows,
    outside_value,
    process_setting,
    shell_name,
    spark_setting,
)
from alur_nb.authoring.notebook import SETUP
from alur_nb.authoring.program import Program
from alur_nb.authoring.statements import Statement
from alur_nb.runtime.errors import ExportError

_MAGIC = re.compile(r"get_ipython\(\)\.(run_line_magic\('(\w+)'|system|getoutput)")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def check_statement(program: Program, statement: Statement) -> None:
    """Raise ExportError for the first thing in a needed statement that a job cannot do."""
    for hazard in _hazards(program, statement):
        raise ExportError(
            f"cell {statement.cell.number} {hazard.message}",
            place=place_of(program, statement, hazard.line),
            fix=hazard.fix,
        )


def check_import(program: Program, statement: Statement, name: str) -> None:
    """Raise ExportError for an import of what a job cannot have, or cannot find."""
    target = statement.imports.get(name, statement.star or name)
    if target.startswith("."):
        hazard = Hazard(
            f"imports `{target}` relative to a package, and a notebook is in none",
            "Import the module by its name: it is found beside the notebook.",
            statement.node.lineno,
        )
    elif interactive_module(target):
        fix = "Move what shows or asks into a cell that no pipeline needs."
        hazard = Hazard(f"imports `{target}`, which needs a person before it", fix, statement.node.lineno)
    else:
        return
    raise ExportError(
        f"cell {statement.cell.number} {hazard.message}",
        place=place_of(program, statement, hazard.line),
        fix=hazard.fix,
    )


def _hazards(program: Program, statement: Statement) -> Iterator[Hazard]:
    yield from _magics(statement)
    for use in statement.bindings.uses:
        hazard = shell_name(use.name, use.line)
        if hazard and use.when is not When.ANNOTATION:
            yield hazard
    yield from _awaits(statement.node)
    yield from _iterators(program, statement)
    yield from _computed_imports(program, statement)
    for reach, own in program.reached(statement):
        found = outside_value(program.resolved(reach.path), reach)
        if found:
            yield Hazard(found.message, found.fix, own.line)


def _magics(statement: Statement) -> Iterator[Hazard]:
    for node in ast.walk(statement.node):
        if isinstance(node, ast.Call) and (found := _MAGIC.match(ast.unparse(node))):
            name = f"the magic `%{found[2]}`" if found[2] else "a shell command"
            yield Hazard(
                f"takes a value from {name}", "Write plain Python: a job has no IPython.", node.lineno
            )


def _awaits(node: ast.AST) -> Iterator[Hazard]:
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield Hazard(
            "awaits at cell level, where a job has no event loop",
            "Put it into an async function and call asyncio.run(..) inside of the pipeline's function.",
            node.lineno,
        )
    if not isinstance(node, _FUNCTIONS):
        for child in ast.iter_child_nodes(node):
            yield from _awaits(child)


def _iterators(program: Program, statement: Statement) -> Iterator[Hazard]:
    value = getattr(statement.node, "value", None)
    path = path_of(value) if isinstance(value, ast.Call) else None
    is_one_shot = path and (
        (one_shot(path) and not program.binders(path[0])) or program.resolved(path)[0] == "itertools"
    )
    if isinstance(statement.node, ast.Assign) and (is_one_shot or isinstance(value, ast.GeneratorExp)):
        fix = "Make it a list: list(..)"
        yield Hazard("binds an iterator, which its first reader uses up", fix, statement.node.lineno)


def _computed_imports(program: Program, statement: Statement) -> Iterator[Hazard]:
    for node in ast.walk(statement.node):
        path = path_of(node.func) if isinstance(node, ast.Call) else None
        if path is None or not isinstance(node, ast.Call):
            continue
        resolved = program.resolved(path)
        if resolved not in (("importlib", "import_module"), ("__import__",)):
            continue
        if not (node.args and isinstance(node.args[0], ast.Constant)):
            fix = "Import the module by name: which modules a job needs must be seen before it runs."
            yield Hazard(f"imports a module whose name is computed: `{ast.unparse(node)}`", fix, node.lineno)


# What is done for its effect


def is_effect(program: Program, statement: Statement) -> bool:
    """Whether a statement of a `setup` cell is there for what it does: everything but definitions and shown values."""
    node = statement.node
    if isinstance(node, ast.Expr):
        path = path_of(node.value)
        if path is None or "()" not in path:
            return False
        return not (
            path[0] in ("print", "display") or path[-2] in LOOKING or only_shows(program.resolved(path))
        )
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    return not isinstance(node, definitions | ast.Pass)


def dropped_effects(program: Program, kept: Collection[int]) -> tuple[str, ...]:
    """Return a notice for each setting of the process that a cell makes and the job does not.

    Raises ExportError where the setting is Spark's: the job would compute something else.
    """
    notices = []
    for statement in program.statements:
        if statement.index in kept or SETUP in statement.cell.tags or statement.is_definition:
            continue
        for reach in statement.effects.reaches:
            path = program.resolved(reach.path)
            place = place_of(program, statement, reach.line)
            text = ast.unparse(statement.node).split("\n")[0]
            if "()" in path and spark_setting(path, _texts(statement.node)):
                raise ExportError(
                    f"cell {place.cell} changes the Spark session: `{text}`",
                    place=place,
                    fix="Tag the cell `setup` (the job then does it too), or move the call into the function.",
                )
            if process_setting(path) and _acts(statement.node, reach.stored):
                notices.append(
                    f"cell {place.cell}, line {place.line}: `{text}` is not in the job; tag the cell `setup`"
                )
    return tuple(dict.fromkeys(notices))


def _acts(node: ast.stmt, stored: bool) -> bool:
    return stored or isinstance(node, ast.Expr)


def _texts(node: ast.AST) -> list[str]:
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
