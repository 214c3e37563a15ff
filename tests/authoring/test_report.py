"""How the project stands: freshness, checks over time, cost, and the one page that shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from alur_nb import BronzeTable, LongField, files, new, pipeline
from alur_nb.authoring.batch_cost import cost_of
from alur_nb.authoring.history import batch_lines
from alur_nb.authoring.report_facts import Status, status
from alur_nb.authoring.report_file import write_report
from alur_nb.authoring.report_html import to_page
from alur_nb.authoring.report_server import ReportServer, serving
from alur_nb.runtime.errors import DeclarationError, SettingsError, StorageError
from alur_nb.runtime.freshness import allowed_age
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import Environment
from alur_nb.runtime.workspace import Workspace
from tests.ui.ledgers import note_batch

EVIL = "<script>alert('x')</script> & \"y\""


@pytest.fixture
def shop(project: Project, workspace: Workspace) -> Project:
    class OrdersBronze(BronzeTable):
        id = LongField()

        class Meta:
            freshness = "26 hours"

    class CopiesBronze(BronzeTable):
        id = LongField()

    class EmptyBronze(BronzeTable):
        id = LongField()

        class Meta:
            freshness = "2 days"

    @pipeline(sources={"orders": files("orders/*")}, target=OrdersBronze)
    def ingest_orders(orders: Any) -> Any:
        return orders

    @pipeline(sources={"orders": new(OrdersBronze)}, target=CopiesBronze)
    def copy_orders(orders: Any) -> Any:
        return orders

    def check(passed: bool) -> tuple[dict[str, Any], ...]:
        return ({"name": EVIL, "passed": passed, "message": "2 of 3 rows" if not passed else "all"},)

    ledger = workspace.ledger
    note_batch(ledger, "bronze.orders", counts={"rows": 3}, checks=check(True))
    note_batch(ledger, "bronze.orders", counts={"rows": 4}, checks=check(False))
    note_batch(ledger, "bronze.copies", "copy_orders", aborted=f"{EVIL}: broke")
    return project


def after(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def by_name(found: Status) -> dict[str, str]:
    return {one.name: one.freshness for one in found.tables}


def test_a_table_is_stale_when_its_last_batch_is_older_than_it_says(shop: Project) -> None:
    assert by_name(status(shop, now=after(25))) == {
        "bronze.copies": "never loaded",
        "bronze.empty": "never loaded",
        "bronze.orders": "fresh",
    }
    late = status(shop, now=after(27))
    assert by_name(late)["bronze.orders"] == "stale"
    assert [one.name for one in late.stale] == ["bronze.empty", "bronze.orders"]
    assert late.head == "3 tables, 2 stale, the last batch of 1 aborted"
    assert not late.to_dict()["ok"]


def test_the_text_says_what_needs_a_look(shop: Project) -> None:
    text = str(status(shop, now=after(27.1)))
    assert "bronze.orders: stale, 27 hours old, at most 26 hours wanted, 7 rows" in text
    assert f"check {EVIL}: failed; failed in 1 of 2 batches" in text
    assert "broke" in text


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90 minutes", 90), ("26 hours", 26 * 60), ("1 day", 1440), ("2 Weeks", 2 * 7 * 1440)],
)
def test_an_age_is_written_in_words(text: str, minutes: int) -> None:
    assert allowed_age(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["26", "0 hours", "1.5 hours", "soon", "26 h"])
def test_any_other_age_is_refused_where_it_is_declared(text: str) -> None:
    with pytest.raises(DeclarationError, match="is not an age"):

        class SlowBronze(BronzeTable):
            id = LongField()

            class Meta:
                freshness = text


class Page(HTMLParser):
    """The elements of a page, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_escaped_and_needs_nothing(shop: Project) -> None:
    text = to_page(status(shop, now=after(27)))
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert "script" not in page.names
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;y&quot;" in text
    assert "color-scheme: light dark" in text
    assert "✓ ✗" in text
    assert "bronze.orders" in text
    assert "Runs on this machine cost nothing" in text
    assert 'http-equiv="refresh"' not in text


def test_the_same_moment_gives_the_same_bytes(shop: Project, tmp_path: Path) -> None:
    moment = after(1)
    first, second = status(shop, now=moment), status(shop, now=moment)
    assert write_report(first, tmp_path / "a/report.html").read_bytes() == to_page(second).encode()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_said(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(status(shop), tmp_path / "file/report.html")


def test_a_project_without_a_run_has_a_page(project: Project, workspace: Workspace) -> None:
    assert Page(to_page(status(project))).open == []
    assert str(Status()) == "Nothing was looked at."


def test_cost_is_size_times_time_times_price(shop: Project, workspace: Workspace) -> None:
    (last, _) = batch_lines(workspace.ledger.batches("bronze.orders"))
    times = {"planned": "2026-01-01T00:00:00+00:00", "committed": "2026-01-01T00:30:00+00:00"}
    line = replace(last, batch=replace(last.batch, times=times))
    dev = Environment("dev", worker_type="G.2X", number_of_workers=5)
    cost = cost_of([line, line], shop, workspace.settings, dev)
    assert cost is not None
    assert cost.dpu_hours == pytest.approx(2 * 5 * 2 * 0.5)
    assert cost.dollars == pytest.approx(10 * 0.44)
    flex = cost_of([line], shop, workspace.settings, replace(dev, execution_class="FLEX"))
    assert flex is not None
    assert flex.dollars == pytest.approx(5 * 0.29)
    short = replace(
        line, batch=replace(last.batch, times={**times, "committed": "2026-01-01T00:00:02+00:00"})
    )
    least = cost_of([short], shop, workspace.settings, dev)
    assert least is not None
    assert least.dpu_hours == pytest.approx(10 / 60)


def test_what_runs_here_or_is_of_no_known_size_costs_nothing_that_is_known(
    shop: Project, workspace: Workspace
) -> None:
    lines = batch_lines(workspace.ledger.batches("bronze.orders"))
    assert cost_of(lines, shop, workspace.settings, Environment("local")) is None
    assert cost_of(lines, shop, workspace.settings, Environment("dev", worker_type="R.1X")) is None
    assert cost_of([], shop, workspace.settings, Environment("dev")) is None


@pytest.fixture
def server(shop: Project) -> Iterator[ReportServer]:
    with serving(shop) as one:
        thread = Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def asked(
    server: ReportServer, path: str = "/", host: str | None = None, method: str = "GET"
) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_the_page_is_served_live(server: ReportServer, workspace: Workspace) -> None:
    code, before = asked(server)
    assert code == 200
    assert re.search(r'http-equiv="refresh" content="\d+"', before)
    assert "00000003-0001" not in before
    note_batch(workspace.ledger, "bronze.orders", counts={"rows": 5})
    assert "00000003-0001" in asked(server)[1]
    assert asked(server, host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1"])
def test_another_hosts_name_is_refused(server: ReportServer, host: str) -> None:
    code, body = asked(server, host=host)
    assert (code, "bronze" in body) == (421, False)


def test_there_is_one_page_and_it_is_only_read(server: ReportServer) -> None:
    assert asked(server, "/etc/passwd")[0] == 404
    assert asked(server, method="POST")[0] == 501
    assert asked(server, method="HEAD") == (200, "")


def test_a_taken_port_and_an_unknown_environment_are_said(server: ReportServer, shop: Project) -> None:
    with pytest.raises(SettingsError, match="cannot be had"), serving(shop, port=server.server_port):
        pass
    with pytest.raises(SettingsError, match="no environment"), serving(shop, env="nowhere"):
        pass
