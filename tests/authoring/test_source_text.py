"""Literals and layout: what is written reads back as what was meant, and a formatter changes nothing."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.source_text import Call, Expression, Name, block_literal, literal, render

# Quotes in rows, backslashes, line ends and braces are what goes wrong.
nasty = st.text(st.sampled_from('"""\'\'\\\\ab{}\n\r\t\x00\u2028é😀 '), max_size=14)


@settings(max_examples=300, deadline=None)
@given(nasty)
def test_a_literal_reads_back(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    assert ast.literal_eval(block_literal(text)) == text


def formatted(source: str, width: int = 88) -> str:
    """Return what ruff makes of a source text."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


@settings(max_examples=20, deadline=None)
@given(st.lists(nasty, min_size=20, max_size=20))
def test_ruff_leaves_literals_alone(texts: list[str]) -> None:
    lines = [f"x = {literal(text)}\nx = {block_literal(chr(10) + text + chr(10))}\n" for text in texts]
    assert formatted("".join(lines)) == "".join(lines)


words = st.text(st.sampled_from("abc '\""), max_size=30)
expressions = st.recursive(
    st.one_of(words, st.integers(), st.booleans(), st.just(Name("OrdersBronze"))),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4),
        st.dictionaries(words, inner, min_size=1, max_size=4),
        st.builds(
            Call,
            st.just("alur_nb.files"),
            st.lists(inner, max_size=2),
            st.dictionaries(st.sampled_from("xyz"), inner),
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(expressions, st.sampled_from([88, 120]))
def test_ruff_leaves_the_layout_alone(expression: Expression, width: int) -> None:
    source = f"name = {render(expression, used=7)}\n"
    ast.parse(source)
    # A text that alone is too long for a line is the one thing that ruff may put brackets around.
    if not isinstance(expression, str):
        assert formatted(source, width) == source


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ({"a": 1, "b": [True, "x"]}, '{"a": 1, "b": [True, "x"]}'),
        (Call("f", [Name("T")], {"n": 2}), "f(T, n=2)"),
        (Call("f"), "f()"),
        ('say "hi"', "'say \"hi\"'"),
        ('it\'s "so"', "'it\\'s \"so\"'"),
    ],
)
def test_what_fits_is_on_one_line(expression: Expression, text: str) -> None:
    assert render(expression) == text


def test_what_does_not_fit_is_exploded() -> None:
    text = render(Call("f", ["a" * 50], {"b": "c" * 40}), used=4)
    assert text == f'f(\n    "{"a" * 50}",\n    b="{"c" * 40}",\n)'
