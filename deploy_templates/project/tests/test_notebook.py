"""What the notebook's pipelines make of files: each test runs them on an empty lake of its own, without AWS."""

from datetime import datetime
from decimal import Decimal

import pytest
from alur_nb import read_rejects
from alur_nb.testing import assert_rows, load_notebook, run_pipeline


@pytest.fixture
def notebook(lake):
    return load_notebook("notebooks/$name.ipynb")


def test_orders_are_loaded_as_the_shop_writes_them(notebook):
    text = """order_id,customer,amount,ordered_at
1001,Ada,19.90,2024-01-02T09:15:00Z
1002,,5,2024-01-02T10:40:00Z
"""
    run_pipeline("ingest_orders", {"orders": text})
    assert_rows(
        notebook.OrdersBronze,
        [
            (1001, "Ada", Decimal("19.90"), datetime(2024, 1, 2, 9, 15)),
            (1002, None, Decimal("5.00"), datetime(2024, 1, 2, 10, 40)),
        ],
    )
    assert_rows(read_rejects(notebook.OrdersBronze), [])
