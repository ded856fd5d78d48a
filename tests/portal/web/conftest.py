"""A server for the UI kit: it needs no database, so any query it made would fail the test."""

import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def kit() -> Iterator[str]:
    """The address of the kit."""
    server = make_server("127.0.0.1", 0, StaticFilesHandler(get_wsgi_application()), Server, Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ui-kit"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def page(chromium, request):
    """A page that fails the test when the browser reports an error or a breach of the content policy."""
    options = getattr(request, "param", {"width": 1440, "scheme": "light"})
    context = chromium.new_context(
        viewport={"width": options["width"], "height": 900}, color_scheme=options["scheme"], reduced_motion="reduce"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(8000)
    troubles = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.troubles = troubles
    yield page
    context.close()
    expected = getattr(page, "expected_troubles", ())
    unexpected = [one for one in troubles if not any(part in one for part in expected)]
    assert not unexpected, unexpected
