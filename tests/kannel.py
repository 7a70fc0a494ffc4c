"""Kannel as others run it: bearerbox, smsbox, and the phones behind its fake SMSC, which a test writes and reads."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import unquote_plus

from tests.gateway_process import wait_for
from tests.ports import free_port

USER, PASSWORD = "brevdue", "password-of-kannel"


class Kannel:
    """`get_url` is where Kannel takes incoming SMS."""

    def __init__(self, folder: Path, require: Callable[[str], str], get_url: str) -> None:
        self.folder = folder
        self._programs = [require("bearerbox"), require("smsbox")]
        self.admin_port, self.box_port, self.smsc_port, self.port = (free_port() for _ in range(4))
        self.config = folder / "kannel.conf"
        self.config.write_text(
            f"""
group = core
admin-port = {self.admin_port}
admin-password = {PASSWORD}
admin-interface = 127.0.0.1
smsbox-port = {self.box_port}
smsbox-interface = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {self.smsc_port}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {self.box_port}
sendsms-port = {self.port}
sendsms-interface = 127.0.0.1
http-request-retry = 100
http-queue-delay = 1

group = sendsms-user
username = {USER}
password = {PASSWORD}
concatenation = 1
max-messages = 8

group = sms-service
keyword = default
catch-all = 1
max-messages = 0
concatenation = 1
get-url = "{get_url}"
"""
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        self._phones: socket.socket | None = None
        self._heard = b""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        bearerbox, smsbox = self._programs
        self._run(bearerbox)
        self._phones = wait_for(lambda: self._connect(self.smsc_port), "the fake SMSC", 20)
        wait_for(lambda: self._connect(self.box_port, keep=False), "bearerbox", 20)
        self._run(smsbox)
        wait_for(lambda: self._connect(self.port, keep=False), "smsbox", 20)

    def _run(self, program: str) -> None:
        with (self.folder / f"{Path(program).name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen([program, "-v", "1", str(self.config)], stdout=log, stderr=log, cwd=self.folder)
            )

    def _connect(self, port: int, *, keep: bool = True) -> socket.socket | None:
        for process in self._processes:
            assert process.poll() is None, f"Kannel ended: {process.args}"
        try:
            made = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            return None
        if not keep:
            made.close()
        return made

    def __exit__(self, *_error: object) -> None:
        if self._phones is not None:
            self._phones.close()
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def say(self, sender: str, to: str, text: str) -> None:
        """A phone sends an SMS; latin letters only."""
        assert self._phones is not None
        self._phones.sendall(f"{sender} {to} text {text}\n".encode())

    def next(self) -> tuple[str, str, str, str]:
        """The next SMS on a phone: sender, recipient, type of the fake SMSC, text as it writes it."""
        assert self._phones is not None
        while b"\n" not in self._heard:
            piece = self._phones.recv(65536)
            assert piece, "the fake SMSC hung up"
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        sender, to, kind, text = line.decode("latin-1").split(" ", 3)
        return sender, to, kind, unquote_plus(text, encoding="latin-1") if kind != "text" else text
