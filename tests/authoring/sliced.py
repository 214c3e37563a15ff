"""Notebooks, and exactly the slice that the pipeline `load` is cut into."""

from __future__ import annotations

from tests.authoring.notebooks import Source

TABLE = "from alur_nb import BronzeTable, StringField, files, pipeline\n\nclass Orders(BronzeTable):\n    id = StringField()"

# name: (cells, the slice of `load`)
SLICES: dict[str, tuple[list[Source], str]] = {
    "what is explored stays behind": (
        [
            "import pandas as pd\nimport re",
            "df = 1\ndf",
            "def load(rows):\n    return re.sub('a', 'b', rows)",
            "load(df)",
        ],
        """
        # cell 1
        import re


        # cell 3
        def load(rows):
            return re.sub('a', 'b', rows)
        """,
    ),
    "helpers are found through helpers, in notebook order": (
        [
            "def load(x):\n    return clean(x)",
            "#md text",
            "LIMIT = 3",
            "def clean(x):\n    return x[:LIMIT]",
            "def other(x):\n    return x",
        ],
        """
        # cell 1
        def load(x):
            return clean(x)


        # cell 3
        LIMIT = 3


        # cell 4
        def clean(x):
            return x[:LIMIT]
        """,
    ),
    "changes in the binding's own cell are kept, with what they need": (
        [
            "first = 'x'",
            "known = {}\nknown['a'] = first\nalias = known\nalias.update(b=1)\nprint(known)\nknown",
            "def load(): return known",
        ],
        """
        # cell 1
        first = 'x'


        # cell 2
        known = {}
        known['a'] = first
        alias = known
        alias.update(b=1)


        # cell 3
        def load(): return known
        """,
    ),
    "binding again in the same cell is kept": (
        ["x = 1\ny = x\nx = y + 1\ndel y", "def load(): return x"],
        """
        # cell 1
        x = 1
        y = x
        x = y + 1
        del y


        # cell 2
        def load(): return x
        """,
    ),
    "whole statements are the unit": (
        ["table = {}\nfor n in range(3):\n    if n:\n        table[n] = n", "def load(): return table"],
        """
        # cell 1
        table = {}
        for n in range(3):
            if n:
                table[n] = n


        # cell 2
        def load(): return table
        """,
    ),
    "a loop's own variable is no binding of the notebook": (
        [
            "total = 0\nfor n in [1, 2]:\n    total += n",
            "n = 'explored'\nfor total_ in n: pass",
            "def load(): return total",
        ],
        """
        # cell 1
        total = 0
        for n in [1, 2]:
            total += n


        # cell 3
        def load(): return total
        """,
    ),
    "a function's own names are not the notebook's": (
        [
            "x = 1",
            "x = 2",
            "def load(x, *y):\n    z = [x for x in y]\n    try:\n        w = 1\n    except Exception as e:\n        raise e\n    return lambda q: q + w",
        ],
        """
        # cell 3
        def load(x, *y):
            z = [x for x in y]
            try:
                w = 1
            except Exception as e:
                raise e
            return lambda q: q + w
        """,
    ),
    "defaults, decorators, bases and annotations are uses": (
        [
            "def twice(f):\n    return f",
            "DEFAULT = 1",
            "class Base: pass",
            "class Rows(Base):\n    limit = DEFAULT",
            "@twice\ndef load(x: 'Rows' = DEFAULT) -> 'list[str]':\n    return x",
        ],
        """
        # cell 1
        def twice(f):
            return f


        # cell 2
        DEFAULT = 1


        # cell 3
        class Base: pass


        # cell 4
        class Rows(Base):
            limit = DEFAULT


        # cell 5
        @twice
        def load(x: 'Rows' = DEFAULT) -> 'list[str]':
            return x
        """,
    ),
    "an annotation that names nothing of the notebook is no use": (
        ["def load(x: 'DataFrame') -> 'Unknown[DataFrame]':\n    return x"],
        """
        # cell 1
        def load(x: 'DataFrame') -> 'Unknown[DataFrame]':
            return x
        """,
    ),
    "the session at cell level is kept": (
        [
            "from alur_nb import get_spark_session\nspark = get_spark_session()",
            "spark.sql('select 1').show()\nspark.sparkContext.setLogLevel('ERROR')",
            "def load(): return spark.range(1)",
        ],
        """
        # cell 1
        from alur_nb import get_spark_session
        spark = get_spark_session()


        # cell 3
        def load(): return spark.range(1)
        """,
    ),
    "tables by inheritance across cells": (
        [
            TABLE,
            "class More(Orders):\n    name = StringField()",
            "@pipeline(sources={'o': files('o/*')}, target=More)\ndef load(o):\n    return o",
        ],
        """
        # cell 1
        from alur_nb import BronzeTable, StringField, files, pipeline


        class Orders(BronzeTable):
            id = StringField()


        # cell 2
        class More(Orders):
            name = StringField()


        # cell 3
        @pipeline(sources={'o': files('o/*')}, target=More)
        def load(o):
            return o
        """,
    ),
    "setup cells are kept for their effects": (
        [
            (
                "import os, warnings\nwarnings.filterwarnings('ignore')\nos.environ['TZ'] = 'UTC'\nunused = 1\nprint('ready')",
                "setup",
            ),
            "def load(): return 1",
        ],
        """
        # cell 1
        import os, warnings
        warnings.filterwarnings('ignore')
        os.environ['TZ'] = 'UTC'


        # cell 2
        def load(): return 1
        """,
    ),
    "recursion and helpers that call each other": (
        [
            "def load(n): return even(n)",
            "def even(n): return n == 0 or odd(n - 1)",
            "def odd(n): return n != 0 and even(n - 1)",
        ],
        """
        # cell 1
        def load(n): return even(n)


        # cell 2
        def even(n): return n == 0 or odd(n - 1)


        # cell 3
        def odd(n): return n != 0 and even(n - 1)
        """,
    ),
    "lambdas, comprehensions and walrus": (
        [
            "K = 2\nROWS = [1]\npick = lambda r, k=K: [x * k for x in r if (last := x)]",
            "def load(): return pick(ROWS)",
        ],
        """
        # cell 1
        K = 2
        ROWS = [1]
        pick = lambda r, k=K: [x * k for x in r if (last := x)]


        # cell 2
        def load(): return pick(ROWS)
        """,
    ),
    "async helpers": (
        [
            "import asyncio",
            "async def fetch(x):\n    async for y in x:\n        await y",
            "def load(x): return asyncio.run(fetch(x))",
        ],
        """
        # cell 1
        import asyncio


        # cell 2
        async def fetch(x):
            async for y in x:
                await y


        # cell 3
        def load(x): return asyncio.run(fetch(x))
        """,
    ),
    "a secret at cell level stays a reference": (
        ["from alur_nb import secret\ntoken = secret('shop/api')", "def load(): return token"],
        """
        # cell 1
        from alur_nb import secret
        token = secret('shop/api')


        # cell 2
        def load(): return token
        """,
    ),
}
