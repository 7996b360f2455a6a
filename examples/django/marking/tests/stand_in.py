"""A small HTTP server that answers as told, for what a real Platen cannot be made to say at will."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from django.test import override_settings

TOKEN = "a-service-token-for-tests-of-the-client"


@contextmanager
def stand_in(status, body, headers=None):
    """Answers every request with status, body (text, or an object sent as JSON) and headers; yields the list of requests it got.

    A body that is a function of method and path gives status and body of each answer in place of them.
    """
    requests_got = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            requests_got.append({"path": self.path, "headers": self.headers, "body": json.loads(sent or "null")})
            code, said = body(self.command, self.path) if callable(body) else (status, body)
            text = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(code)
            for name, value in {"Content-Length": str(len(text)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = answer

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
