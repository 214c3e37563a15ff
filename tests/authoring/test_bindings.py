from __future__ import annotations

import ast
import builtins
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.bindings import Bindings, When, bindings_of
from alur_nb.authoring.changes import effects_of, functions_in
from alur_nb.authoring.expressions import Kind, linked, links_of


def analyzed(source: str, *, annotations_are_text: bool = False) -> Bindings:
    (statement,) = ast.parse(source).body
    return bindings_of(statement, annotations_are_text=annotations_are_text)


def uses(source: str, when: When, *, annotations_are_text: bool = False) -> str:
    found = analyzed(source, annotations_are_text=annotations_are_text).uses
    return " ".join(sorted(use.name for use in found if use.when is when))


@pytest.mark.parametrize(
    ("source", "binds"),
    [
        ("x = y = 1", "x y"),
        ("(a, [b, *c]), d.e, f[0] = v", "a b c"),
        ("x: int = 1", "x"),
        ("x: int", ""),
        ("x += 1", "x"),
        ("def f(a): b = 1", "f"),
        ("class C:\n    a = 1\n    def m(self): ...", "C"),
        ("import a.b, c.d as e", "a e"),
        ("from a import b, c as d", "b d"),
        ("from a import *", ""),
        ("for i, j in x:\n    k = 1\nelse:\n    n = 1", "i j k n"),
        ("with a as b, c as (d, e): ...", "b d e"),
        ("try:\n    a = 1\nexcept E as e:\n    b = 1\nfinally:\n    c = 1", "a b c e"),
        ("if (a := 1): b = 1", "a b"),
        ("[x for x in y if (z := x)]", "z"),
        (
            "match x:\n    case [a, *b]: ...\n    case {'k': c, **d}: ...\n    case E(e) as f: ...",
            "a b c d e f",
        ),
        ("while x: y = 1", "y"),
        ("async def f(): ...", "f"),
    ],
)
def test_what_a_statement_binds(source: str, binds: str) -> None:
    assert " ".join(sorted(analyzed(source).binds)) == binds


@pytest.mark.parametrize(
    ("source", "now"),
    [
        ("x = y + z.a[b](c)", "b c y z"),
        ("x, y.z, a[b] = v", "a b v y"),
        ("for i in x: print(i, j)", "j print x"),
        ("with a as b: b(c)", "a c"),
        ("x = [i + j for i in a for k in i if k]", "a j"),
        ("x = {k: v for k, v in a.items() if w}", "a w"),
        ("@d\n@e(f)\ndef g(a=b, *, c=h): return i", "b d e f h"),
        ("class C(B, metaclass=M):\n    a = x\n    b = a\n    def m(self, c=a): return y", "B M x"),
        ("class C:\n    y = [a for a in x]\n    z = [y for a in y]", "x y"),
        ("try:\n    import a\nexcept E as e:\n    a = e", "E"),
        ("if a:\n    b = 1\nelse:\n    b = 2\n", "a"),
        ("def f(a: A, b: 'B') -> C: ...", "A C"),
        ("x: T = v", "T v"),
        ("f = lambda a, b=c: a + d", "c"),
        ("del a, b[c]", "a b c"),
        ("match x:\n    case K(a) if a > b: c(a)", "K b c x"),
        ("assert a, b", "a b"),
    ],
)
def test_what_a_statement_uses_when_it_runs(source: str, now: str) -> None:
    assert uses(source, When.NOW) == now


@pytest.mark.parametrize(
    ("source", "maybe"),
    [
        ("x = x + 1", "x"),
        ("x += 1", "x"),
        ("for i in a: t = t + i", "t"),
        ("if a:\n    b = 1\nelif b: ...", "b"),
        ("while a:\n    c = 1\nelse:\n    c()", "c"),
        ("class C:\n    limit = limit", ""),
        ("class C:\n    if a:\n        b = 1\n    c = b", "b"),
        ("for i in i: ...", "i"),
        ("try:\n    a = 1\nexcept E: ...\nfinally:\n    a()", "a"),
    ],
)
def test_what_it_may_use_before_it_binds_it(source: str, maybe: str) -> None:
    assert uses(source, When.MAYBE) == maybe


@pytest.mark.parametrize(
    ("source", "called"),
    [
        ("def f(a): return a + b", "b"),
        ("def f():\n    a = 1\n    def g(): return a + b\n    return g", "b"),
        ("def f():\n    global a\n    a = 1", "a"),
        ("def f(): return f()", "f"),
        ("class C:\n    a = 1\n    def m(self): return a + super().m() + __class__.x", "a super"),
        ("f = lambda a: a + b", "b"),
        ("f = [lambda: x + y for x in z]", "y"),
        ("def f(): return [x for x in y if z]", "y z"),
        ("def f():\n    class C(B):\n        x = y\n    return C", "B y"),
        ("def f():\n    x = a\n    del x", "a"),
        ("async def f():\n    async with a as b:\n        return [c async for c in b]", "a"),
        ("def f():\n    try: ...\n    except E as e: e()", "E"),
        ("def f():\n    for i in a: ...\n    return i", "a"),
        ("def f():\n    import a\n    from b import c\n    return a, c, d", "d"),
    ],
)
def test_what_a_call_uses(source: str, called: str) -> None:
    assert uses(source, When.CALL) == called


@pytest.mark.parametrize(
    ("source", "as_text", "annotations"),
    [
        ("def f(a: 'A', b: X['B']) -> 'list[C]': ...", False, "A B C list"),
        ("def f(a: Literal['A'], b: t.Literal['B']): ...", False, ""),
        ("def f(a: 'no python'): ...", False, ""),
        ("def f(a: A) -> 'B': ...", True, "A B"),
        ("x: 'A' = 1", False, "A"),
        ("x: A = 1", True, "A"),
    ],
)
def test_names_in_annotations_that_are_text(source: str, as_text: bool, annotations: str) -> None:
    assert uses(source, When.ANNOTATION, annotations_are_text=as_text) == annotations


def test_annotations_that_are_text_are_used_by_no_call() -> None:
    source = "def f():\n    def g(a: A) -> B: ...\n    x: C = 1\n    return D"
    assert uses(source, When.CALL, annotations_are_text=True) == "D"
    assert uses(source, When.CALL) == "A B C D"


def test_uses_have_the_line_of_the_first_one() -> None:
    found = analyzed("def f(x=a):\n    y = 1\n    return (b\n        + b)")
    assert {use.name: use.line for use in found.uses} == {"a": 1, "b": 3}


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "c", "1"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} + {pair[1]})"),
        st.tuples(st.sampled_from("abc"), inner).map(
            lambda pair: f"sum([{pair[0]} for {pair[0]} in [{pair[1]}]])"
        ),
        st.tuples(st.sampled_from("abc"), inner).map(lambda pair: f"(lambda {pair[0]}=1: {pair[1]})()"),
        st.tuples(st.sampled_from("abc"), inner).map(lambda pair: f"({pair[0]} := {pair[1]})"),
        inner.map(lambda text: f"(1 if {text} else 2)"),
    ),
    max_leaves=6,
)


class Recording(dict[str, Any]):
    """A module's names that tells which were asked for before they were bound."""

    def __init__(self) -> None:
        super().__init__({"__builtins__": builtins})
        self.asked: set[str] = set()

    def __missing__(self, name: str) -> int:
        if not hasattr(builtins, name):
            self.asked.add(name)
            return 1
        return getattr(builtins, name)  # type: ignore[no-any-return]


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_every_name_that_python_looks_up_is_a_use(first: str, second: str) -> None:
    source = f"if {first}:\n    a = {second}"
    try:
        code = compile(source, "cell", "exec")
    except SyntaxError:
        # `:=` may not bind a comprehension's own variable.
        return
    names = Recording()
    # A mapping for locals makes Python look up the names of the module's own code in it.
    try:
        exec(code, {"__builtins__": builtins, "a": 1, "b": 1, "c": 1}, names)
    except (TypeError, NameError):
        return
    known = {use.name for use in analyzed(source).uses}
    assert names.asked <= known


# What is shared


@pytest.mark.parametrize(
    ("expression", "links"),
    [
        ("a", {("a", "same")}),
        ("a if x else b", {("a", "same"), ("b", "same")}),
        ("a.b[0]", {("a", "inner")}),
        ("[a, b.c]", {("a", "holds"), ("b", "holds")}),
        ("{'k': a}['k']", {("a", "inner")}),
        ("list(a)", {("a", "holds")}),
        ("a.get('k')", {("a", "inner")}),
        ("next(a)", {("a", "inner")}),
        ("[x for x in a]", {("a", "holds"), ("x", "holds")}),
        ("f(a)", set()),
        ("a.select('x')", set()),
        ("a == b", set()),
        ("f'{a}'", set()),
    ],
)
def test_how_a_value_belongs_to_names(expression: str, links: set[tuple[str, str]]) -> None:
    found = links_of(ast.parse(expression, mode="eval").body)
    assert {(link.name, link.kind.value) for link in found} == links


def test_a_change_of_a_container_is_none_of_what_it_holds() -> None:
    links = effects_of(ast.parse("for part in [a]:\n    both = [part]\n    alias = both").body[0]).links
    assert linked(links, "alias", deep=False) == {"alias", "both"}
    assert linked(links, "alias", deep=True) == {"alias", "both", "part", "a"}
    assert {link.kind for link in links["part"]} == {Kind.INNER}


def test_what_a_function_changes() -> None:
    source = (
        "def f(a, b, *rest, c=1):\n    part = a.rows\n    part.append(1)\n    KNOWN['x'] = b\n"
        "    rest[0].clear()\n    local = []\n    local.append(c)\n    return b or local"
    )
    (found,) = functions_in(ast.parse(source).body[0])
    assert [change.name for change in found.changes] == ["KNOWN"]
    assert found.changed_parameters == {"a", "*"}
    assert found.returned_parameters == {"b", "c"}
