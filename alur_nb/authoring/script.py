"""Job scripts: a pipeline's slice of the notebook in the job template, formatted and linted by ruff."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb import __version__
from alur_nb.authoring.templates import deploy_templates
from alur_nb.runtime.errors import ExportError, MissingExtraError, Place

if TYPE_CHECKING:
    from jinja2 import Template

EXTRA = 'pip install "alur-nb[deploy]"'
GLUE_PYTHON = {"5.0": "py311", "5.1": "py311", "6.0": "py313"}

# Names that are used but never bound, and what the target's Python cannot parse.
_LINT = "F821,F822,F823"
_IMPORT_ORDER = "I001"
_LINE_LENGTH = "100"


@dataclass(frozen=True, slots=True)
class JobSource:
    """One pipeline's slice, ready to be written as `jobs/<pipeline>.py`."""

    pipeline: str
    source: str
    notebook: str
    parameters: tuple[str, ...] = ()
    """Names that the notebook's cell tagged `parameters` binds."""
    cells: Mapping[str, int] = field(default_factory=dict)
    """The cell that a line of the slice comes from, by the line's text without the blanks around it."""

    @property
    def file_name(self) -> str:
        """The script's name inside of `jobs/`."""
        return f"{self.pipeline}.py"

    def place_of(self, line: str) -> Place:
        """Return the cell that a line of the script comes from, or the script where it is not the notebook's."""
        cell = self.cells.get(line.strip())
        return Place(notebook=self.notebook, cell=cell, file=None if cell else f"jobs/{self.file_name}")


def write_scripts(folder: Path, jobs: Sequence[JobSource], *, glue_version: str) -> tuple[Path, ...]:
    """Write one script a pipeline into `folder`, in ruff's format.

    Raises ExportError for a name that nothing binds, for syntax that the target's Python does not know, and for a
    parameter that is no literal.
    """
    template = _template()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for job in jobs:
        path = folder / job.file_name
        path.write_text(render(job, template), encoding="utf-8", newline="\n")
        paths.append(path)
    if paths:
        _lint(folder, {job.file_name: job for job in jobs}, GLUE_PYTHON[glue_version])
        _ruff(["format", "--quiet", "."], folder)
    return tuple(paths)


def render(job: JobSource, template: Template) -> str:
    """Put the slice into the template; what `python job.py` does then depends on its arguments alone."""
    tree = _parse(job)
    taken = _bound_names(tree)
    source, replaced = _with_parameters(job, tree, _unused("parameter", taken))
    future, own, source = _split_imports(source)
    main = _unused("main", taken)
    return template.render(
        title=_docstring(job.pipeline),
        notebook=_docstring(job.notebook),
        version=__version__,
        future=future,
        imports=[*own, *([f"from alur_nb import {_imported('parameter', taken)}"] if replaced else [])],
        source=source.strip("\n"),
        main=_imported("main", taken),
        main_name=main,
        binding=_binding(tree, job.pipeline),
        pipeline=json.dumps(job.pipeline),
    )


def _template() -> Template:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("Writing job scripts needs jinja2.", fix=EXTRA) from error
    # The output is Python, not HTML; what needs escaping is escaped for Python.
    environment = Environment(
        loader=FileSystemLoader(deploy_templates() / "glue"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("job.py.j2")


def _parse(job: JobSource) -> ast.Module:
    try:
        return ast.parse(job.source)
    except SyntaxError as error:
        raise ExportError(
            f"The slice of `{job.pipeline}` is not valid Python: {error.msg}.",
            place=job.place_of(error.text or ""),
            fix="Run the cells that define it; the notebook shows the same error with its cell.",
        ) from error


def _bound_names(tree: ast.Module) -> frozenset[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {alias.asname or alias.name for node in ast.walk(tree) for alias in _aliases(node)}
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(names | {node.name for node in ast.walk(tree) if isinstance(node, definitions)})


def _aliases(node: ast.AST) -> Sequence[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else ()


def _unused(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _unused(f"alur_{name}", taken)


def _imported(name: str, taken: Collection[str]) -> str:
    own = _unused(name, taken)
    return name if own == name else f"{name} as {own}"


def _binding(tree: ast.Module, pipeline: str) -> str | None:
    """Return the global that is the pipeline: the function that declares it; a loop or a factory binds none."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    declaring = [node.name for node in functions if _declared_name(node) == pipeline]
    return declaring[0] if len(declaring) == 1 else None


def _declared_name(function: ast.FunctionDef) -> str | None:
    """Return the name that `@pipeline(name=..)` gives, by default the function's; None where it is computed."""
    keywords = [k for d in function.decorator_list if isinstance(d, ast.Call) for k in d.keywords]
    names = [k.value for k in keywords if k.arg == "name" and _is_pipeline_keyword(k, function)]
    if not names:
        return function.name
    name = names[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _is_pipeline_keyword(keyword: ast.keyword, function: ast.FunctionDef) -> bool:
    # `@expect(name=..)` has a name too; only a pipeline has a target.
    calls = [d for d in function.decorator_list if isinstance(d, ast.Call) and keyword in d.keywords]
    return any(k.arg in ("target", "sources") for call in calls for k in call.keywords)


def _docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _split_imports(source: str) -> tuple[list[str], list[str], str]:
    """Take what is imported from `__future__` and from alur_nb out of the slice, to stand at the script's top.

    Python wants the first there; the second has no effects, and cells import a name or two each. All other imports
    stay where the notebook has them: a cell before may decide what they find.
    """
    body = ast.parse(source).body
    lines = source.split("\n")
    future: list[str] = []
    own: list[str] = []
    for node in body:
        if not _is_hoisted(node) or any(_share_a_line(node, other) for other in body):
            continue
        (future if _is_future(node) else own).append(ast.unparse(node))
        last = node.end_lineno or node.lineno
        lines[node.lineno - 1 : last] = [""] * (last - node.lineno + 1)
    return list(dict.fromkeys(future)), list(dict.fromkeys(own)), "\n".join(lines)


def _is_hoisted(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(alias.name.split(".")[0] == "alur_nb" for alias in node.names)
    module = node.module or "" if isinstance(node, ast.ImportFrom) and not node.level else ""
    return module.split(".")[0] == "alur_nb" or _is_future(node)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _share_a_line(node: ast.stmt, other: ast.stmt) -> bool:
    return (
        node is not other
        and other.lineno <= (node.end_lineno or 0)
        and node.lineno <= (other.end_lineno or 0)
    )


def _with_parameters(job: JobSource, tree: ast.Module, function: str) -> tuple[str, bool]:
    """Write `limit = 10` as `limit = parameter("limit", 10)` for each name of the parameters cell."""
    lines = job.source.encode().splitlines(keepends=True)
    values = [found for node in tree.body if (found := _parameter_value(node, job))]
    # From the end backwards, so that the places before stay right.
    for name, value in sorted(values, key=lambda found: found[1].lineno, reverse=True):
        first, last = value.lineno - 1, (value.end_lineno or value.lineno) - 1
        before, after = lines[first][: value.col_offset], lines[last][value.end_col_offset :]
        text = b"".join(lines[first : last + 1])[value.col_offset :]
        text = text[: len(text) - len(after)]
        call = f"{function}({json.dumps(name)}, ".encode() + text + b")"
        lines[first : last + 1] = [before + call + after]
    return b"".join(lines).decode(), bool(values)


def _parameter_value(node: ast.stmt, job: JobSource) -> tuple[str, ast.expr] | None:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    bound = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    names = [name for name in bound if name in job.parameters]
    if not names:
        return None
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if len(targets) != 1 or not isinstance(targets[0], ast.Name) or value is None or not _is_json(value):
        raise ExportError(
            f"The parameter `{names[0]}` must be one literal: `{ast.unparse(node)}` is not.",
            place=Place(notebook=job.notebook),
            fix=f"In the cell tagged `parameters` write `{names[0]} = ...`: a number, text, True, None or a list.",
        )
    return names[0], value


def _is_json(value: ast.expr) -> bool:
    try:
        return _is_plain(ast.literal_eval(value))
    except ValueError:
        return False


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def _lint(folder: Path, jobs: Mapping[str, JobSource], target: str) -> None:
    """Sort the imports that stand together, and refuse what would not run."""
    options = ["--fix", "--exit-zero", "--select", f"{_LINT},{_IMPORT_ORDER}"]
    found = _ruff(["check", "--output-format", "json", "--target-version", target, *options, "."], folder)
    for finding in json.loads(found):
        path = Path(finding["filename"])
        job = jobs[path.name]
        line = path.read_text(encoding="utf-8").splitlines()[finding["location"]["row"] - 1]
        raise ExportError(
            f"The script of `{job.pipeline}` would not run: {finding['message']}, in `{line.strip()}`.",
            place=job.place_of(line),
            fix="Bind the name in a cell of its own (an import, a value, a function), then export again.",
        )


def _ruff(arguments: Sequence[str], folder: Path) -> str:
    # Isolated: a pyproject.toml above the bundle must not change what is written. In the folder: ruff sorts imports
    # by what it finds in the working directory.
    common = ["--isolated", "--no-cache", "--line-length", _LINE_LENGTH]
    command = [sys.executable, "-m", "ruff", arguments[0], *common, *arguments[1:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode == 0:
        return done.stdout
    if "No module named ruff" in done.stderr:
        raise MissingExtraError("Writing job scripts needs ruff.", fix=EXTRA)
    raise ExportError(
        f"ruff could not {arguments[0]} the job scripts: {done.stderr.strip()[:500]}",
        fix="Run `python -m ruff --version` in this environment; install it again if that fails.",
    )
