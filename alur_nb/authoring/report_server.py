"""`alur ui`: the report, made anew for each request, for the browser of this machine and for nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from alur_nb.authoring.report_facts import status
from alur_nb.authoring.report_html import to_page
from alur_nb.runtime.errors import AlurError, SettingsError
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import LOCAL

HOST = "127.0.0.1"
REFRESH_SECONDS = 10

Page = Callable[[], str]


class ReportServer(ThreadingHTTPServer):
    """Listens on the loopback only, and answers only to its own name: a page from elsewhere cannot ask it."""

    daemon_threads = True

    def __init__(self, port: int, page: Page) -> None:
        super().__init__((HOST, port), _Answer)
        self.page = page

    @property
    def url(self) -> str:
        """Where the report is."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def names(self) -> tuple[str, ...]:
        """What a browser of this machine calls it in its `Host` header."""
        return tuple(f"{name}:{self.server_port}" for name in (HOST, "localhost"))

    def serve_until_interrupted(self) -> None:
        """Answer until Ctrl-C."""
        try:
            self.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            return


class _Answer(BaseHTTPRequestHandler):
    server: ReportServer
    server_version = "alur"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the report."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer as to a GET, without the report."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        # A name that resolves to 127.0.0.1 is how a foreign page reads what stands here (DNS rebinding).
        if self.headers.get("Host") not in self.server.names:
            self._send(
                421, "This is the report of another machine's user.", "text/plain", with_body=with_body
            )
        elif self.path.partition("?")[0] != "/":
            self._send(404, "There is one page only: /", "text/plain", with_body=with_body)
        else:
            code, text, kind = self._page()
            self._send(code, text, kind, with_body=with_body)

    def _page(self) -> tuple[int, str, str]:
        try:
            return 200, self.server.page(), "text/html"
        except AlurError as error:
            return 503, str(error), "text/plain"

    def _send(self, code: int, text: str, kind: str, *, with_body: bool) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the terminal is the user's."""


@contextmanager
def serving(project: Project, *, env: str = LOCAL, port: int = 0) -> Iterator[ReportServer]:
    """Lend a server of the project's report; port 0 takes a free one.

    Raises SettingsError where the port cannot be had, or the environment is unknown.
    """

    def page() -> str:
        return to_page(status(project, env=env), refresh_seconds=REFRESH_SECONDS)

    page()  # what is wrong with the environment is said here, not in the browser
    try:
        server = ReportServer(port, page)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Port {port} of {HOST} cannot be had: {error}.", fix="Leave --port out: a free one is taken."
        ) from error
    with server:
        yield server
