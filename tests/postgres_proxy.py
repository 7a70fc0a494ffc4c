"""A wire to PostgreSQL that breaks at the worst moment: COMMIT was carried over, its answer is not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_COMMIT = b"COMMIT;"
_COMMITTED = b"COMMIT\x00"
"""The tag of CommandComplete: https://www.postgresql.org/docs/current/protocol-message-formats.html"""


class Wire:
    """Carries connections to a server's port on loopback. `cuts` says how many commits are to be left unanswered."""

    def __init__(self, server_port: int) -> None:
        self.cuts = 0
        self.cut = 0
        """Commits that the server has done and whose answers were thrown away."""
        self._server_port = server_port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that there are end with their ends."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            doomed = threading.Event()
            threading.Thread(target=self._to_server, args=(client, server, doomed), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server, doomed), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if _COMMIT in data and self._may_cut():
                    doomed.set()
                server.sendall(data)
        _end(server)

    def _to_client(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if doomed.is_set() and _COMMITTED in data:
                    self.cut += 1
                    break
                client.sendall(data)
        _end(client)
        _end(server)

    def _may_cut(self) -> bool:
        with self._lock:
            self.cuts -= 1
            return self.cuts >= 0


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def wire(server_port: int) -> Iterator[Wire]:
    """One, for as long as the block runs."""
    opened = Wire(server_port)
    try:
        yield opened
    finally:
        opened.close()
