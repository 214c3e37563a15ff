"""The names that a function takes from its module when it is called, as Python's own `symtable` sees them."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from copy import deepcopy
from typing import cast

Function = ast.FunctionDef | ast.AsyncFunctionDef


def free_names(function: Function | ast.Lambda, *, annotations_are_text: bool = False) -> frozenset[str]:
    """Return the names that a function takes from its module when it is called, nested functions included."""
    bare: ast.AST = _bare(function)
    if annotations_are_text:
        bare = _WithoutAnnotations().visit(bare)
    module = ast.Module(body=[cast("ast.stmt", bare)], type_ignores=[])
    table = symtable.symtable(ast.unparse(ast.fix_missing_locations(module)), "cell", "exec")
    names = {
        symbol.get_name()
        for inner in _tables(table)
        for symbol in inner.get_symbols()
        if symbol.is_global() and (symbol.is_referenced() or symbol.is_assigned())
    }
    # `super()` without arguments finds `__class__` in the class around it.
    return frozenset(names - {"__class__"})


def global_names(function: Function) -> frozenset[str]:
    """Return the names that a function declares `global`: calling it may bind them in the module."""
    return frozenset(
        name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names
    )


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _tables(child)


def _bare(function: Function | ast.Lambda) -> ast.stmt:
    """Copy a function without what runs where it is defined: decorators, defaults, annotations."""
    bare = deepcopy(function)
    nothing = ast.Constant(None)
    bare.args.defaults = [nothing for _ in bare.args.defaults]
    bare.args.kw_defaults = [default and nothing for default in bare.args.kw_defaults]
    if isinstance(bare, ast.Lambda):
        return ast.Expr(bare)
    bare.decorator_list, bare.returns = [], None
    if hasattr(bare, "type_params"):
        bare.type_params = []
    for argument in arguments_of(bare.args):
        argument.annotation = None
    return bare


class _WithoutAnnotations(ast.NodeTransformer):
    """Takes away the annotations of what is nested, where they are text that nobody evaluates."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    """Return every parameter of a function, `*args` and `**kwargs` last."""
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]
