"""A small HTTP server that answers as told, for what a real Platen cannot be made to say at will."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from django.test import override_settings

TOKEN = "a-service-token-for-tests-of-the-client"


@contextmanager
def stand_in(status, body, headers=None):
    """Answers every POST with status, body (text, or an object sent as JSON) and headers; yields the list of requests it got."""
    requests_got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            requests_got.append({"path": self.path, "headers": self.headers, "body": json.loads(sent)})
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # The short interval makes shutdown quick.
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        with override_settings(PLATEN_URL=url, PLATEN_SERVICE_TOKEN=TOKEN):
            yield requests_got
    finally:
        server.shutdown()
        server.server_close()


def problem(status, code, **more):
    return {"type": "about:blank", "title": "A title", "status": status, "detail": "A detail.", "code": code, "requestId": "r-1", **more}
