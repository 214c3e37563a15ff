"""Notebooks that slicing refuses, with the place and the words of the error."""

from __future__ import annotations

from tests.authoring.notebooks import Source

LOAD = "def load(): return need"

# name: (cells, place as (cell, line), what the message says)
ERRORS: dict[str, tuple[list[Source], tuple[int, int], str]] = {
    # Bound in two cells
    "bound twice": (
        ["need = 1", LOAD, "x = 1\nneed = 2"],
        (3, 2),
        "`need` is bound in cell 1 and again in cell 3",
    ),
    "a function bound twice": (
        ["def need(): ...", LOAD, "def need(): ..."],
        (3, 1),
        "bound in cell 1 and again in cell 3",
    ),
    "the pipeline bound twice": (
        [LOAD, "need = 1", LOAD],
        (3, 1),
        "`load` is bound in cell 1 and again in cell 3",
    ),
    "an import and a value": (
        ["import re as need", LOAD, "need = 2"],
        (3, 1),
        "bound in cell 1 and again in cell 3",
    ),
    "two imports of one name": (
        ["import re as need", LOAD, "import json as need"],
        (3, 1),
        "cell 1 and again in cell 3",
    ),
    "bound again by a loop": (
        ["need = 1", LOAD, "for need in []: pass"],
        (3, 1),
        "bound in cell 1 and again in cell 3",
    ),
    "bound again by `with`": (
        ["need = 1", LOAD, "with a as need: pass"],
        (3, 1),
        "cell 1 and again in cell 3",
    ),
    "bound again by `except`": (
        ["need = 1", LOAD, "try: ...\nexcept E as need: ..."],
        (3, 2),
        "cell 1 and again in cell 3",
    ),
    "bound again by `:=`": (
        ["need = 1", LOAD, "print(need := 2)"],
        (3, 1),
        "bound in cell 1 and again in cell 3",
    ),
    "bound again under %%time": (
        ["need = 1", LOAD, "%%time\n\nneed = 2"],
        (3, 3),
        "cell 1 and again in cell 3",
    ),
    "bound again by a magic's value": (
        ["need = 1", LOAD, "need = !ls"],
        (3, 1),
        "cell 1 and again in cell 3",
    ),
    "bound by `global` elsewhere": (
        ["need = 1", LOAD, "def other():\n    global need\n    need = 2"],
        (3, 1),
        "bound in cell 1 and again in cell 3",
    ),
    # Changed in another cell
    "deleted": (["need = 1", LOAD, "del need"], (3, 1), "cell 3 deletes it: `del need`"),
    "an item set": (["need = {}", LOAD, "need['x'] = 1"], (3, 1), "assigns to a part of it: `need['x']`"),
    "an attribute set": (
        ["class need: ...", LOAD, "need.x = 1"],
        (3, 1),
        "assigns to a part of it: `need.x`",
    ),
    "a function's attribute set": (
        ["def need(): ...", LOAD, "need.x = 1"],
        (3, 1),
        "assigns to a part of it",
    ),
    "appended to": (
        ["need = []", LOAD, "\nneed.append(1)"],
        (3, 2),
        "calls a method that changes it: `need.append(1)`",
    ),
    "registered": (
        ["def need(): ...", LOAD, "@need.register\ndef f(x: int): ..."],
        (3, 1),
        "`need.register`",
    ),
    "appended to inside": (["need = {}", LOAD, "need['x'].append(1)"], (3, 1), "a method that changes it"),
    "added to": (["need = []", LOAD, "need += [1]"], (3, 1), "bound in cell 1 and again in cell 3"),
    "an unknown method, for its effect": (
        ["need = Rules()\nfrom m import Rules", LOAD, "need.add_rule('x')"],
        (3, 1),
        "cell 3 calls a method for its effect: `need.add_rule('x')`",
    ),
    "by another name": (["need = []\nother = need", LOAD, "other.append(1)"], (3, 1), "`other.append(1)`"),
    "by another cell's name": (["need = []", LOAD, "other = need\nother.clear()"], (3, 2), "`other.clear()`"),
    "by a loop's name": (["need = [[]]", LOAD, "for row in need: row.append(1)"], (3, 1), "`row.append(1)`"),
    "out of a container": (
        ["need = []", LOAD, "all_ = {'n': need}\nall_['n'].append(1)"],
        (3, 2),
        "`all_['n'].append(1)`",
    ),
    "setattr": (
        ["class need: ...", LOAD, "setattr(need, 'x', 1)"],
        (3, 1),
        "passes it to a function that changes it",
    ),
    "by a function's argument": (
        ["need = []", "def fill(x): x.append(1)", LOAD, "fill(need)"],
        (4, 1),
        "`fill(..)`",
    ),
    "by a function's function": (
        ["need = []", "def fill(*, x): x.append(1)\ndef both(y): fill(x=y)", LOAD, "both(need)"],
        (4, 1),
        "`both(..)`",
    ),
    "by a function's global": (
        ["need = []\ndef fill(): need.append(1)", LOAD, "fill()"],
        (3, 1),
        "`fill(..)`",
    ),
    "by its own method": (
        ["class C:\n    def go(self): self.n = 1\nneed = C()", LOAD, "x = need.go()"],
        (3, 1),
        "calls a method that changes it: `need.go(..)`",
    ),
    "declared again": (
        ["from alur_nb import schedule", "def need(): ...", LOAD, "schedule('0 6 * * ? *')(need)"],
        (4, 1),
        "passes it to a function that changes it",
    ),
    "a module's attribute set": (
        ["import json as need", LOAD, "need.dumps = str"],
        (3, 1),
        "changes the imported module",
    ),
    "a module's list changed": (
        ["import m as need", LOAD, "need.KNOWN.append(1)"],
        (3, 1),
        "changes the imported module",
    ),
    "pyspark patched": (
        ["import pyspark.sql", "def load(): return 1", "pyspark.sql.DataFrame.show2 = print"],
        (3, 1),
        "changes the package `pyspark` itself",
    ),
    # Order
    "used above its binding": (
        ["x = need\ndef load(): return x", "need = 1"],
        (1, 1),
        "bound in cell 2, below its use in cell 1",
    ),
    "a decorator below": (
        ["@need\ndef load(): ...", "def need(f): return f"],
        (1, 1),
        "bound in cell 2, below its use",
    ),
    # Not there
    "bound nowhere": (
        ["needed = 1", LOAD],
        (2, 1),
        "name `need` is not defined in any cell (did you mean `needed`?)",
    ),
    "bound under %%timeit": (["%%timeit\nneed = 1", LOAD], (2, 1), "name `need` is not defined in any cell"),
    "no session": (
        ["def load():\n    return spark.range(1)"],
        (1, 2),
        "name `spark` is not defined in any cell",
    ),
    # Values from outside
    "environment": (
        ["import os\nneed = os.environ['A']", LOAD],
        (1, 2),
        "reads `os.environ` when its cell runs",
    ),
    "getenv": (
        ["from os import getenv as g\nneed = g('A')", LOAD],
        (1, 2),
        "reads `os.environ` when its cell runs",
    ),
    "a file": (["need = open('x').read()", LOAD], (1, 1), "reads a file when its cell runs: `open(..)`"),
    "a file by `with`": (["with open('x') as f:\n    need = f.read()", LOAD], (1, 1), "reads a file"),
    "a path": (["from pathlib import Path", "need = Path('x').read_text()", LOAD], (2, 1), "reads a file"),
    "pandas": (
        ["import pandas as p", "need = p.read_csv('x')", LOAD],
        (2, 1),
        "reads a file when its cell runs: `p.read_csv(..)`",
    ),
    "a service": (["import requests", "need = requests.get('u').json()", LOAD], (2, 1), "`requests.get(..)`"),
    "aws": (["from boto3 import client", "need = client('s3')", LOAD], (2, 1), "calls out of the notebook"),
    "a frame": (
        ["need = spark.table('x')", LOAD],
        (1, 1),
        "makes a DataFrame when its cell runs: `spark.table(..)`",
    ),
    "our own read": (["from alur_nb import read", "need = read(1)", LOAD], (2, 1), "makes a DataFrame"),
    "through a helper": (["def get(): return open('x')", "need = get()", LOAD], (2, 1), "reads a file"),
    "a default argument": (["def load(x=open('y')): return x"], (1, 1), "reads a file"),
    "a column": (
        ["import pyspark.sql.functions as F", "need = F.col('x') > 1", LOAD],
        (2, 1),
        "makes a column when its cell runs: `F.col(..)`",
    ),
    "a window": (
        ["from pyspark.sql import Window", "need = Window.partitionBy('x')", LOAD],
        (2, 1),
        "makes a column when its cell runs",
    ),
    "a session of its own": (
        ["from pyspark.sql import SparkSession", "need = SparkSession.builder.getOrCreate()", LOAD],
        (2, 1),
        "builds a Spark session of its own",
    ),
    "an iterator": (
        ["need = map(str, [1])", LOAD],
        (1, 1),
        "binds an iterator, which its first reader uses up",
    ),
    "a generator": (["need = (x for x in [1])", LOAD], (1, 1), "binds an iterator"),
    # The shell
    "get_ipython": (
        ["def load():\n    get_ipython()"],
        (1, 2),
        "uses `get_ipython`, which a job cannot have",
    ),
    "a magic inside": (["def load():\n    %ls"], (1, 2), "takes a value from the magic `%ls`"),
    "a magic's value": (
        ["need = %alur_preview x", LOAD],
        (1, 1),
        "takes a value from the magic `%alur_preview`",
    ),
    "a command's value": (["need = !ls", LOAD], (1, 1), "takes a value from a shell command"),
    "input": (["def load(): return input()"], (1, 1), "uses `input`"),
    "display": (["def load(): display(1)"], (1, 1), "uses `display`"),
    "eval": (["def load(): return eval('1')"], (1, 1), "uses `eval`"),
    "globals": (["def load(): return globals()['x']"], (1, 1), "uses `globals`"),
    "the last output": (["1", "def load(): return _"], (2, 1), "uses `_`, which only the notebook has"),
    "an earlier output": (["def load(): return Out[3]"], (1, 1), "uses `Out`"),
    "a widget": (
        ["import ipywidgets as w", "need = w.IntSlider()", LOAD],
        (2, 1),
        "uses a widget or IPython",
    ),
    "a widget's module": (
        ["from ipywidgets import interact as need", LOAD],
        (1, 1),
        "needs a person before it",
    ),
    "a relative import": (["from . import need", LOAD], (1, 1), "relative to a package"),
    "a computed import": (
        ["import importlib\nneed = importlib.import_module(n)\nn = 'x'", LOAD],
        (1, 2),
        "whose name is computed",
    ),
    "await": (["need = await x\nx = 1", LOAD], (1, 1), "awaits at cell level"),
    "async for": (["async for need in x: pass\nx = 1", LOAD], (1, 1), "awaits at cell level"),
    # Settings
    "spark's conf": (
        ["spark.conf.set('a', 'b')", "def load(): return 1"],
        (1, 1),
        "changes the Spark session",
    ),
    "a registered function": (
        ["spark.udf.register('f', f)", "def load(): return 1"],
        (1, 1),
        "changes the Spark session",
    ),
    "SQL's SET": (
        ["x = spark.sql('set a = b')", "def load(): return 1"],
        (1, 1),
        "changes the Spark session",
    ),
    # Parameters and packages
    "a computed parameter": (
        [("need = 1 + int('2')", "parameters"), LOAD],
        (1, 1),
        "holds more than literals",
    ),
    "an unpinned package that is imported": (
        ["%pip install pandas", "import pandas as need", LOAD],
        (1, 1),
        "installs `pandas` without an exact version",
    ),
    "a range is no version": (
        ["x\n%pip install pandas>=2", "import pandas as need", LOAD],
        (1, 2),
        "without an exact version",
    ),
}
