"""A provider with a JSON interface, as `conf/providers/json.toml` describes it; a server that misbehaves on demand."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Acme:
    """The provider of the recipe: takes messages, and answers as a test wishes."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.silent, self.closing = threading.Event(), threading.Event()
        acme = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                acme.requests.append(body | {"path": self.path, "authorization": self.headers["Authorization"]})
                if acme.silent.is_set():
                    acme.closing.wait(20)
                    return
                status, document = (
                    acme.answers.pop(0)
                    if acme.answers
                    else (200, {"messages": [{"id": f"acme-{len(acme.requests)}", "status": "accepted"}]})
                )
                answer = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/messages"

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
