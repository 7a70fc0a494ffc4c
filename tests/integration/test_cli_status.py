"""`brevdue status`: while the gateway runs and while it does not, for people, scripts and a live terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import sqlite3
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.figures import KEPT_AT_MOST
from tests.gateway_process import BREVDUE, Gateway, mail, wait_for

LOST_ANSWER = "20999907"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def test_a_running_gateway_says_what_it_did(gateway):
    key = gateway.key()
    gateway.account(key)
    gateway.send(mail(f"{key}@sms.example.com", f"30643064, {LOST_ANSWER}", "Hej"))
    wait_for(lambda: gateway.events("sms-unknown"), "the message whose answer was lost")

    def told() -> dict | None:
        status = json.loads(gateway.run("status", "--json"))
        return status if status["figures"]["unknown"] == 1 else None

    status = wait_for(told, "the figures of a moment later", KEPT_AT_MOST + 10)
    assert status["running"] is status["ready"] is True
    assert status["lately"]["hour"]["events"]["mail-accepted"] == 1
    assert "1 SMS may or may not have been sent" in status["problems"][0]
    text = gateway.run("status")
    assert "is running since" in text
    assert re.search(r"^mails taken +1 +1$", text, re.MULTILINE)
    assert re.search(r"^  unknown +1$", text, re.MULTILINE)
    assert "! 1 SMS may or may not have been sent: brevdue message list --state unknown" in text


def test_a_gateway_that_does_not_run_leaves_what_its_database_holds(tmp_path):
    gateway = Gateway(tmp_path)
    none = json.loads(_failing(gateway, "--json"))
    assert (none["running"], none["figures"]) == (False, None)
    assert f"there is no database yet: {tmp_path}/brevdue.db" in none["problems"]
    assert not (tmp_path / "brevdue.db").exists()
    gateway.key()
    text = _failing(gateway)
    assert text.startswith("Brevdue is not running\n")
    assert f"nothing answers at http://127.0.0.1:{gateway.http_port}/status" in text
    assert re.search(r"^SMS to send +0$", text, re.MULTILINE)


def test_mailboxes_that_refuse_and_an_operator_who_reads_nothing_are_problems(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.account(gateway.key())
    calm = _failing(gateway)
    assert "mailbox" not in calm
    assert "operator" not in calm
    now = time.time()
    mails = [("new", "operator", now - 60), ("old", "operator", now - 8 * 86_400), ("other", "report", now - 60)]
    with contextlib.closing(sqlite3.connect(tmp_path / "brevdue.db")) as store, store:
        store.execute("UPDATE accounts SET mailbox_fault = '550 5.1.1 no such user'")
        store.executemany(
            "INSERT INTO mail_queue (id, kind, return_path, recipient, content, state, created_at, available_at,"
            " settled_at) VALUES (?, ?, '', 'o@firm.example', x'00', 'failed', 0, 0, ?)",
            mails,
        )
    said = _failing(gateway)
    assert "! 1 mailbox refuses mail, so that answers do not arrive: brevdue account list" in said
    assert "! 1 mail to the operator failed for good this week: look at [mail] operator" in said


def _failing(gateway: Gateway, *words: str) -> str:
    command = [*BREVDUE, "status", *words, "-c", str(gateway.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    return done.stdout


def test_another_program_on_the_port_is_told_apart(tmp_path, gateway):
    other = Gateway(tmp_path)
    other.config.write_text(
        other.config.read_text().replace(f"port = {other.http_port}", f"port = {gateway.smtp_port}")
    )
    assert f"http://127.0.0.1:{gateway.smtp_port}/status" in _failing(other)


def test_the_live_view_needs_a_terminal(gateway):
    assert "draws on a terminal" in gateway.run("status", "--watch", status=1)


def test_the_live_view_fits_a_small_terminal_goes_on_and_ends_with_ctrl_c(gateway):
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [*BREVDUE, "status", "--watch", "-c", str(gateway.config)]
    environment = os.environ | {"TERM": "xterm"}
    environment.pop("COLUMNS", None)
    environment.pop("LINES", None)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in its background
    try:
        process = subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    os.close(terminal)
    drawn = _read_until(screen, lambda text: len(set(re.findall(r"\d\d:\d\d:\d\dZ  Ctrl-C ends", text))) >= 3)
    process.send_signal(signal.SIGINT)
    rest = _read_until(screen, lambda text: "\x1b[?1049l" in text)
    assert process.wait(10) == 0
    os.close(screen)
    assert "Traceback" not in drawn + rest
    frame = next(frame for frame in drawn.split("\x1b[H") if "waiting" in frame)
    rows = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).split("\r\n")
    assert len(rows) <= 24
    assert max(map(len, rows)) <= 80
    assert any(row.startswith("waiting ") and row.rstrip().endswith("hour") for row in rows), "both tables side by side"


def _read_until(screen: int, enough, seconds: float = 20) -> str:
    deadline, text = time.monotonic() + seconds, ""
    while not enough(text):
        assert time.monotonic() < deadline, text
        if select.select([screen], [], [], 0.1)[0]:
            try:
                text += os.read(screen, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
    return text


def test_no_configuration_is_a_sentence(tmp_path: Path):
    command = [*BREVDUE, "status", "-c", str(tmp_path / "none.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
