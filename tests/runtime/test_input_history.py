"""What the ledger says of a table's input files, by path and by content."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.input_history import InputHistory, Known, read_history
from alur_nb.runtime.ledger import Batch, Input, Lease, State
from alur_nb.runtime.ledger_sqlite import SqliteLedger

TABLE = "bronze.orders"
ETAG = "9e107d9d372bb6826bd81d3542a419d6-43"


def loaded(path: str, version: str = "1", content: str | None = None) -> Input:
    return Input("file", path, version, content_hash=content, outcome="loaded")


def known(item: Input) -> Known:
    return Known(item.key, item.version, item.content_hash, item.outcome, item.reason)


def file(path: str) -> SourceFile:
    return SourceFile(path, f"file:///{path}", 1, "1", "1", datetime(2026, 1, 1, tzinfo=UTC))


def test_an_empty_history_knows_nothing() -> None:
    history = InputHistory()
    assert len(history) == 0
    assert history.of("a.csv") is None
    assert list(history.of_each([file("a.csv")])) == [(file("a.csv"), None)]
    assert history.twin(ETAG, "hash") is None


def test_loaded_beats_skipped_whichever_was_noted_last() -> None:
    skipped = Input("file", "a.csv", "2", outcome="skipped", reason="no header")
    for inputs in ([loaded("a.csv"), skipped], [skipped, loaded("a.csv")]):
        found = InputHistory(inputs).of("a.csv")
        assert found and (found.outcome, found.version) == ("loaded", "1")
    alone = InputHistory([skipped]).of("a.csv")
    assert alone and (alone.outcome, alone.reason) == ("skipped", "no header")


def test_of_two_versions_the_later_one_counts() -> None:
    found = InputHistory([loaded("a.csv", "1"), loaded("a.csv", "2")]).of("a.csv")
    assert found and found.version == "2"


@given(
    st.lists(
        st.builds(
            Input,
            kind=st.just("file"),
            key=st.sampled_from(["a", "b", "é\n", "'; --"]),
            version=st.text(max_size=3),
            outcome=st.sampled_from(["loaded", "skipped"]),
        )
    )
)
def test_it_is_the_dictionary_that_it_stands_for(inputs: list[Input]) -> None:
    expected: dict[str, Input] = {}
    for item in inputs:
        before = expected.get(item.key)
        if before is None or item.outcome == "loaded" or before.outcome != "loaded":
            expected[item.key] = item
    history = InputHistory(inputs)
    assert {item.key: history.of(item.key) for item in inputs} == {
        path: known(item) for path, item in expected.items()
    }


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1_234])
def test_any_number_of_files_is_looked_up_in_their_order(count: int) -> None:
    files = [file(f"{number * 7919 % count}.csv") for number in range(count)]
    history = InputHistory(loaded(one.path) for one in files[::2])
    found = list(history.of_each(iter(files)))
    assert [one for one, _ in found] == files
    assert [it.path if it else None for _, it in found] == [
        None if number % 2 else one.path for number, one in enumerate(files)
    ]


def test_a_twin_is_found_by_hash_or_by_etag_and_only_among_what_was_loaded() -> None:
    history = InputHistory(
        [
            Input("file", "skipped.csv", "0", content_hash="h1", outcome="skipped"),
            loaded("first.csv", "1", "h1"),
            loaded("second.csv", "2", "h1"),
            loaded("on-s3.csv", ETAG),
        ]
    )
    assert history.twin("9", "h1") == "first.csv"
    assert history.twin(ETAG, None) == "on-s3.csv"
    # A version that is size and time is no content: two files may share it.
    assert history.twin("1", None) is None


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger(tmp_path / "state.db")


def commit(ledger: SqliteLedger, path: str, state: State, *, supersedes: tuple[str, ...] = ()) -> str:
    lease = ledger.acquire(TABLE, f"run-{path}")
    batch_id = f"{lease.epoch:08d}-0001"
    batch = Batch(TABLE, batch_id, State.PLANNED, lease.epoch, "ingest", "run", supersedes=supersedes)
    ledger.put_inputs(lease, batch_id, [loaded(path), Input("batch", "bronze.raw", "1")], first=0)
    ledger.plan(lease, batch)
    if state is not State.PLANNED:
        ledger.seal(batch, [loaded(path), Input("batch", "bronze.raw", "1")])
        ledger.commit(replace(batch, state=State.SEALED))
    ledger.release(Lease(TABLE, lease.epoch, f"run-{path}"))
    return batch_id


def test_only_files_of_live_batches_count(ledger: SqliteLedger) -> None:
    old = commit(ledger, "old.csv", State.COMMITTED)
    commit(ledger, "planned.csv", State.PLANNED)
    commit(ledger, "new.csv", State.COMMITTED, supersedes=(old,))
    history = read_history(ledger, TABLE)
    assert len(history) == 1
    assert history.of("new.csv") == known(loaded("new.csv"))
    assert history.of("old.csv") is None
    assert history.of("planned.csv") is None


def test_batches_about_to_be_superseded_count_as_never_loaded(ledger: SqliteLedger) -> None:
    first = commit(ledger, "a.csv", State.COMMITTED)
    commit(ledger, "b.csv", State.COMMITTED)
    assert len(read_history(ledger, TABLE)) == 2
    history = read_history(ledger, TABLE, without={first})
    assert history.of("a.csv") is None
    assert history.of("b.csv") == known(loaded("b.csv"))


def test_any_number_of_pages_is_read(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        commit(ledger, f"{number}.csv", State.COMMITTED)
    for at_once in (1, 3, 7, 8):
        monkeypatch.setattr("alur_nb.runtime.ledger_sqlite._PAGES_AT_ONCE", at_once)
        assert len(read_history(ledger, TABLE)) == 7
