"""Notebooks, and the text of the slice: comments, distances, imports, magics."""

from __future__ import annotations

from tests.authoring.notebooks import Source

# name: (cells, the slice of `load`)
TEXTS: dict[str, tuple[list[Source], str]] = {
    "comments right above and at the end of a line are kept, others are not": (
        [
            "# What this cell does.\n\n# The shop sends\n# ten at most.\nLIMIT = 10  # rows\n\n# unused\nother = 1",
            "def load():\n    # inside\n    return LIMIT\n# after",
        ],
        """
        # cell 1
        # The shop sends
        # ten at most.
        LIMIT = 10  # rows


        # cell 2
        def load():
            # inside
            return LIMIT
        """,
    ),
    "statements keep their distance": (
        ["a = 1\nb = 2\n\nc = 3\nunused = 4\nd = 5\ndef load():\n    return a, b, c, d\ne = load"],
        """
        # cell 1
        a = 1
        b = 2

        c = 3

        d = 5


        def load():
            return a, b, c, d
        """,
    ),
    "two statements on one line are told apart": (
        ["# both\na = 1; b = 2", "def load(): return b"],
        """
        # cell 1
        b = 2


        # cell 2
        def load(): return b
        """,
    ),
    "the same import in several cells is one": (
        [
            "import os, re",
            "from math import floor, sqrt  # both",
            "import re",
            "def load(): return re, sqrt, os.sep",
            "import re",
        ],
        """
        # cell 1
        import os, re


        # cell 2
        from math import sqrt


        # cell 4
        def load(): return re, sqrt, os.sep
        """,
    ),
    "the import in the cell of its first user is the nearest": (
        [
            "from re import match, search",
            "from re import match, search\ndef helper(x): return match(x)",
            "from re import match, search\ndef load(): return helper(search)",
        ],
        """
        # cell 2
        from re import match


        def helper(x): return match(x)


        # cell 3
        from re import search


        def load(): return helper(search)
        """,
    ),
    "submodules of one package belong together": (
        ["import os", "import os.path\nimport xml.dom", "def load(): return os.path.join, xml.dom"],
        """
        # cell 1
        import os


        # cell 2
        import os.path
        import xml.dom


        # cell 3
        def load(): return os.path.join, xml.dom
        """,
    ),
    "one import or the other is one statement": (
        [
            "try:\n    import tomllib as toml\nexcept ImportError:\n    import json as toml",
            "def load(): return toml",
        ],
        """
        # cell 1
        try:
            import tomllib as toml
        except ImportError:
            import json as toml


        # cell 2
        def load(): return toml
        """,
    ),
    "future imports go first": (
        [
            "import re",
            "from __future__ import annotations\n\ndef load(x: Unknown) -> re.Pattern:\n    return x",
        ],
        """
        from __future__ import annotations

        # cell 1
        import re


        # cell 2
        def load(x: Unknown) -> re.Pattern:
            return x
        """,
    ),
    "magics are gone": (
        [
            "%load_ext alur_nb\n%matplotlib inline",
            "%%time\n# measured\nLIMIT = 2\n!ls\n%time SIZE = LIMIT",
            "%%alur_pipeline\ndef load(): return LIMIT, SIZE",
            "%alur_run load",
        ],
        """
        # cell 2
        # measured
        LIMIT = 2

        SIZE = LIMIT


        # cell 3
        def load(): return LIMIT, SIZE
        """,
    ),
}
