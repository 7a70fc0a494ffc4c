"""A full spool runs empty: messages that wait, to an SMPP sink or an HTTP sink, as fast as they go.

The gateway's spool is filled as rows before it starts, Kannel's by its own HTTP interface while the sink is away. The
clock runs from a moment when messages flow to the last one at the sink. Both have the same window, and ask the message
centre for reports. The gateway's spool is durable, and every attempt and outcome is committed; Kannel keeps its queue
in memory, as it does by default, or with `store-type = spool` in a file for each message.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench import providers
from bench.filling import Waiting, fill
from bench.measured import Measured
from bench.peers.kannel import Kannel
from bench.peers.nginx import Nginx
from bench.peers.smsc import MessageCentre
from bench.processes import metered
from bench.results import Plan, Row, Run, alternately, at_least, side
from bench.rows.mail_to_sms import named
from bench.scratch import scratch
from tests.gateway_process import wait_for
from tests.ports import free_port

MESSAGES = 20_000
_PATIENCE = 300.0
_FILLERS = 10
Sink = MessageCentre | Nginx


def _arrived(sink: Sink) -> int:
    return sink.counts()["submits"] if isinstance(sink, MessageCentre) else sink.count()


def _settled(sink: Sink, messages: int) -> bool:
    """Whether every report has been taken, where the sink reports."""
    return not isinstance(sink, MessageCentre) or sink.counts()["acknowledged"] >= messages


def _emptied(pids: tuple[int, ...], sink: Sink, messages: int) -> Run:
    """From now, or the first message, until all are there; what has come before does not count."""
    wait_for(lambda: _arrived(sink), "the first message", _PATIENCE)
    with metered(*pids) as meter:
        before, began = _arrived(sink), time.monotonic()
        wait_for(lambda: _arrived(sink) >= messages, "all messages", _PATIENCE)
        took = time.monotonic() - began
        wait_for(lambda: _settled(sink, messages), "all reports", _PATIENCE)
    return Run(messages - before, took, meter.cpu, meter.peak)


def _sink(kind: str, home: Path, port: int) -> Sink:
    return MessageCentre(home, port=port) if kind == "smpp" else Nginx(home / "nginx", port)


def gateway(kind: str, arguments: str, messages: int) -> Run:
    """The spool of the gateway."""
    with scratch() as home, _sink(kind, home, free_port()) as sink:
        toml = providers.smpp(sink.port, "sink") if kind == "smpp" else providers.http(sink.port, "sink")
        ours = Measured(home / "gateway", toml, arguments).open_account()
        fill(ours.database, Waiting(messages, "sink", time.time()))
        with ours:
            return _emptied((ours.pid,), sink, messages)


def kannel(kind: str, messages: int, *, durable: bool = False) -> Run:
    """The queue of Kannel; the sink opens when it is full."""
    with scratch() as home:
        port = free_port()
        with Kannel(home / "kannel", kind, port, window=providers.WINDOW, durable=durable) as theirs:
            _fill_kannel(theirs, messages)
            with _sink(kind, home, port) as sink:
                return _emptied(theirs.pids, sink, messages)


def _fill_kannel(kannel: Kannel, messages: int) -> None:
    def some(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", kannel.send_port, timeout=60)
        for number in range(first, messages, _FILLERS):
            connection.request("GET", kannel.send_path(f"+45{30_000_000 + number}", f"Hej nummer {number}"))
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise RuntimeError(f"Kannel answers {answer.status}")

    with ThreadPoolExecutor(_FILLERS) as fillers:
        list(fillers.map(some, range(_FILLERS)))


def _against_kannel(plan: Plan, kind: str, name: str, what: str, times: float) -> list[Row]:
    """A row for each of Kannel's queues and each of our ways to run."""
    messages = plan.some(MESSAGES)
    theirs: dict[str, Callable[[], Run]] = {
        "Kannel, queue in memory": partial(kannel, kind, messages),
        "Kannel, queue in files": partial(kannel, kind, messages, durable=True),
    }
    ours: dict[str, Callable[[], Run]] = {
        named(arguments): partial(gateway, kind, arguments, messages) for arguments in plan.gateways
    }
    found = {side_name: side(side_name, runs) for side_name, runs in alternately(plan.repeats, theirs | ours).items()}
    return [at_least(name, what, found[mine], found[other], times) for other in theirs for mine in ours]


def smpp(plan: Plan) -> list[Row]:
    """To a message centre."""
    what = f"a full spool to an SMPP sink, window {providers.WINDOW}, with reports, against Kannel"
    return _against_kannel(plan, "smpp", "spool-smpp", what, 1.5)


def web(plan: Plan) -> list[Row]:
    """To nginx."""
    what = f"a full spool to an HTTP sink, {providers.WINDOW} connections, against Kannel"
    return _against_kannel(plan, "http", "spool-http", what, 1.0)
