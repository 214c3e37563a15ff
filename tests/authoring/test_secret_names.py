from __future__ import annotations

import pytest

from alur_nb.authoring.secret_names import secrets_in


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ('from alur_nb import secret\nsecret("shop/db")\n', {"shop/db"}),
        ('from alur_nb import secret as s\ndef f():\n    return s("a") + s(name="b", key="c")\n', {"a", "b"}),
        ('import alur_nb\nalur_nb.secret("x")\n', {"x"}),
        ('import alur_nb as al\nal.secret("x", "k")\n', {"x"}),
        ('from alur_nb.runtime.secrets import secret\nsecret("x")\n', {"x"}),
        ("from alur_nb import secret\nname = 'x'\nsecret(name)\nsecret()\n", set()),
        ('def secret(name): ...\nsecret("mine")\nother.secret("theirs")\n', set()),
    ],
)
def test_the_names_in_plain_sight(script: str, names: set[str]) -> None:
    assert secrets_in(script) == names
