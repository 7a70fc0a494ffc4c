"""nginx as a provider of the HTTP kind: every request is answered with 200 and an id of its own."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from bench.processes import Service
from tests.gateway_process import wait_for
from tests.ports import free_port

_CONFIG = """\
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /status {{ stub_status; }}
        location / {{
            default_type application/json;
            return 200 '{{"id":"$request_id"}}';
        }}
    }}
}}
"""


class Nginx:
    """One worker process, no access log."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        home.mkdir(parents=True, exist_ok=True)
        config = home / "nginx.conf"
        config.write_text(_CONFIG.format(home=home, port=self.port))
        self._service = Service(
            "nginx", ["nginx", "-c", str(config), "-e", str(home / "nginx.log")], home / "nginx.out"
        )
        self._looks = 0

    def __enter__(self) -> Self:
        self._service.start()
        wait_for(self._answers, "nginx", 30)
        return self

    def __exit__(self, *_error: object) -> None:
        self._service.stop()

    def _answers(self) -> bool:
        with contextlib.suppress(ConnectionError, urllib.error.URLError):
            self.count()
            return self._service.alive()
        return False

    def count(self) -> int:
        """Requests so far, without those for this number."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            self._looks += 1
            return int(answer.read().split()[9]) - self._looks
