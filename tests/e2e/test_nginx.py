"""nginx in front of the web pages, with `conf/nginx/` as an administrator loads it."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from ssl import create_default_context

import pytest
import trustme

from tests.gateway_process import Gateway, wait_for
from tests.ports import free_port

CONF = Path(__file__).parents[2] / "conf/nginx/brevdue.conf"


@pytest.fixture
def site(tmp_path: Path, gateway: Gateway, require: Callable[[str], str]) -> Iterator[Callable[[str], object]]:
    """Opens a path through nginx."""
    program, port, plain_port = require("nginx"), free_port(), free_port()
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    text = CONF.read_text()
    for written, here in {
        "127.0.0.1:8025": f"127.0.0.1:{gateway.http_port}",
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80": f"listen 127.0.0.1:{plain_port}",
        "/etc/brevdue/fullchain.pem": f"{tmp_path}/server.pem",
        "/etc/brevdue/privkey.pem": f"{tmp_path}/server.pem",
    }.items():
        assert written in text
        text = text.replace(written, here)
    (tmp_path / "site.conf").write_text(text)
    scratch = "".join(
        f"{kind}_temp_path {tmp_path}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\n"
        f"http {{ access_log off; {scratch} include {tmp_path}/site.conf; }}\n"
    )
    command = [program, "-e", tmp_path / "log", "-c", tmp_path / "nginx.conf"]
    subprocess.run([*command, "-t", "-q"], check=True)
    process = subprocess.Popen(command)
    context = create_default_context()
    authority.configure_trust(context)

    def open_path(path: str) -> object:
        return urllib.request.urlopen(f"https://localhost:{port}{path}", timeout=10, context=context)

    def answers() -> bool:
        try:
            open_path("/readyz").close()
        except urllib.error.URLError:
            return False
        return True

    try:
        wait_for(answers, "nginx")
        yield open_path
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.proves("X1", "live pages behind a proxy")
def test_events_pass_nginx_as_they_happen(gateway: Gateway, site: Callable[[str], object]):
    with site("/sim/events") as stream:
        assert stream.headers.get_content_type() == "text/event-stream"
        while stream.readline().strip():
            pass
        for number in range(3):
            before = time.monotonic()
            gateway.text("+4530695001", "+45609946123456", f"besked {number}")
            assert f"besked {number}".encode() in stream.readline()
            assert stream.readline() == b"\n"
            assert time.monotonic() - before < 5
