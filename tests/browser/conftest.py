"""One server and one browser for all tests here, and the pages that they open."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.lab import PICTURES, Notebook
from tests.browser.project import WORKSHOP, lay_notebook, lay_project
from tests.browser.server import Lab, jupyterlab
from tests.require import require_any_program

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root there is no sandbox; the others keep it from asking the network for anything of its own.
SWITCHES = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WAIT_MS = 15_000
WIDE = ViewportSize(width=1400, height=900)

OpenPage = Callable[[], Notebook]
OPENED = pytest.StashKey[list[Notebook]]()


def pytest_configure(config: pytest.Config) -> None:
    """Have a place for the pages that are open, which a failure takes its pictures of."""
    config.stash[OPENED] = []


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = require_any_program(CHROMIUM, "apt-get install chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield made
        made.close()


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server with two projects: `shop` has no notebook yet, `workshop` has one that was never run."""
    root = tmp_path_factory.mktemp("lab")
    folder = root / "projects"
    for name in ("shop", "workshop"):
        lay_project(folder / name)
    lay_notebook(folder / "workshop" / "workshop.ipynb", *WORKSHOP)
    with jupyterlab(root, folder) as made:
        yield made


@pytest.fixture(scope="session")
def open_page(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open pages, each with nothing kept from another."""
    opened = request.config.stash[OPENED]

    def make() -> Notebook:
        page = browser.new_context(viewport=WIDE).new_page()
        page.set_default_timeout(WAIT_MS)
        opened.append(Notebook(page, lab))
        return opened[-1]

    yield make
    while opened:
        opened.pop().page.context.close()


@pytest.fixture(scope="session")
def workshop(open_page: OpenPage) -> Notebook:
    """The notebook of `workshop` with its declarations run: one kernel, and one Spark, for several files."""
    notebook = open_page()
    notebook.open("workshop/workshop.ipynb")
    for index in range(len(WORKSHOP)):
        assert "Error" not in notebook.run(index).inner_text()
    return notebook


@pytest.fixture(autouse=True)
def pages_behave(request: pytest.FixtureRequest) -> Iterator[None]:
    """No page asks anything but its server, and no script of it ends with an error."""
    yield
    opened = request.config.stash[OPENED]
    for notebook in opened:
        notebook.watch.check()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of every open page where a test fails."""
    report = yield
    if report.failed:
        name = re.sub(r"\W+", "-", item.nodeid.removeprefix("tests/browser/"))[:80]
        opened = item.config.stash[OPENED]
        for number, notebook in enumerate(opened):
            if not notebook.page.is_closed():
                notebook.picture(PICTURES / f"failed-{name}-{number}.png")
    return report
