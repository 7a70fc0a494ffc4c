"""Mail to SMS, whole machine: smtp-source hands mails in, and the clock stops when the last one is at the sink.

The gateway commits each mail, submits it to a message centre and takes the delivery report. Postfix relays the same
mails to its own sink; or hands them to the script that people use today, which gives them to Kannel, which submits them
to the same message centre. Meanwhile an honest client's mails are timed from connecting to the 250.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import providers
from bench.load import MailLoad
from bench.measured import Account, Measured
from bench.peers.kannel import Kannel
from bench.peers.postfix import Postfix, SmtpSink
from bench.peers.smsc import MessageCentre
from bench.processes import metered
from bench.results import Plan, Row, Run, Side, alternately, at_least, side
from bench.scratch import scratch
from bench.witness import PROBES, Probe
from tests.gateway_process import wait_for

MAILS = 6000
CHAIN_MAILS = 1000
PHONE = "30643064"
_PATIENCE = 300.0
_SCRIPT = Path(__file__).parents[1] / "peers/pipe_to_kannel.sh"
_ELSEWHERE = "x@sms.example.com"


def through_gateway(
    arguments: str, mails: int, *, keep: bool = False, more: str = "", filled: Account | None = None
) -> Run:
    """Mails through the gateway to a message centre. `more` is configuration, `filled` where the database is from."""
    with scratch() as home, MessageCentre(home) as centre:
        gateway = Measured(home / "gateway", providers.smpp(centre.port) + more, arguments).open_account(filled)
        with gateway:
            began = time.monotonic()
            with metered(gateway.pid) as meter:
                with Probe(gateway.smtp_port, gateway.opened.address, PHONE) as probe:
                    MailLoad(mails, gateway.opened.address, PHONE, keep=keep).send(gateway.smtp_port)
                wait_for(lambda: centre.counts()["submits"] >= mails + PROBES, "all SMS", _PATIENCE)
                took = time.monotonic() - began
                wait_for(lambda: centre.counts()["acknowledged"] >= mails + PROBES, "all reports", _PATIENCE)
    return Run(mails + PROBES, took, meter.cpu, meter.peak, tuple(probe.delays))


def through_relay(mails: int, *, keep: bool = False) -> Run:
    """Mails through Postfix to its sink."""
    with (
        scratch() as home,
        SmtpSink(home, until=mails + PROBES) as sink,
        Postfix(home / "postfix", relay_to=sink.port) as postfix,
    ):
        began = time.monotonic()
        with metered(postfix.pid) as meter:
            with Probe(postfix.port, _ELSEWHERE, PHONE) as probe:
                MailLoad(mails, _ELSEWHERE, PHONE, keep=keep).send(postfix.port)
            sink.finished(_PATIENCE)
            took = time.monotonic() - began
    return Run(mails + PROBES, took, meter.cpu, meter.peak, tuple(probe.delays))


def through_chain(mails: int) -> Run:
    """Mails through Postfix, a script for each, and Kannel to a message centre."""
    with (
        scratch() as home,
        MessageCentre(home) as centre,
        Kannel(home / "kannel", "smpp", centre.port, window=providers.WINDOW) as kannel,
        Postfix(home / "postfix", script=_script(home, kannel)) as postfix,
    ):
        began = time.monotonic()
        with metered(postfix.pid, *kannel.pids) as meter:
            with Probe(postfix.port, _ELSEWHERE, PHONE) as probe:
                MailLoad(mails, _ELSEWHERE, PHONE).send(postfix.port)
            wait_for(lambda: centre.counts()["submits"] >= mails + PROBES, "all SMS", _PATIENCE)
            took = time.monotonic() - began
    return Run(mails + PROBES, took, meter.cpu, meter.peak, tuple(probe.delays))


def _script(home: Path, kannel: Kannel) -> Path:
    script = home / "pipe_to_kannel"
    script.write_text(_SCRIPT.read_text().replace("@SEND_URL@", shlex.quote(kannel.send_url())))
    script.chmod(0o755)
    return script


def named(arguments: str) -> str:
    """What a gateway that was started like this is called in the table."""
    return f"gateway {arguments}".strip() if arguments else "gateway, embedded default"


def _compared(plan: Plan) -> dict[str, Side]:
    """Everything that rows of this file speak of, measured once, alternately."""
    if "mail to SMS" not in plan.kept:
        mails = plan.some(MAILS)
        sides: dict[str, Callable[[], Run]] = {
            "Postfix to smtp-sink": partial(through_relay, mails),
            **{named(arguments): partial(through_gateway, arguments, mails) for arguments in plan.gateways},
            "Postfix, script, Kannel": partial(through_chain, plan.some(CHAIN_MAILS)),
        }
        runs = alternately(plan.repeats, sides)
        plan.kept["mail to SMS"] = {name: side(name, some) for name, some in runs.items()}
    found = plan.kept["mail to SMS"]
    assert isinstance(found, dict)
    return found


def gateways(plan: Plan) -> list[Side]:
    """Ours, one after the other."""
    return [_compared(plan)[named(arguments)] for arguments in plan.gateways]


def relay(plan: Plan) -> list[Row]:
    """Against Postfix relaying the same mails to smtp-sink."""
    theirs = _compared(plan)["Postfix to smtp-sink"]
    what = "mail → SMS, a connection each, against Postfix relaying to smtp-sink"
    return [at_least("relay", what, ours, theirs, 4) for ours in gateways(plan)]


def relay_kept(plan: Plan) -> list[Row]:
    """The same over connections that are kept, as from a relay."""
    mails = plan.some(MAILS)
    sides: dict[str, Callable[[], Run]] = {"Postfix to smtp-sink": partial(through_relay, mails, keep=True)}
    for arguments in plan.gateways:
        sides[named(arguments)] = partial(through_gateway, arguments, mails, keep=True)
    found = {name: side(name, runs) for name, runs in alternately(plan.repeats, sides).items()}
    theirs = found.pop("Postfix to smtp-sink")
    what = "mail → SMS, connections kept, against Postfix relaying to smtp-sink"
    return [at_least("relay-kept", what, ours, theirs, 4) for ours in found.values()]


def chain(plan: Plan) -> list[Row]:
    """Against what people use today."""
    theirs = _compared(plan)["Postfix, script, Kannel"]
    what = "mail → SMS against Postfix → pipe script → Kannel"
    return [at_least("chain", what, ours, theirs, 8) for ours in gateways(plan)]


def cpu(plan: Plan) -> list[Row]:
    """What a mail costs from its first byte to the settled report."""
    what = "CPU of the gateway a mail: parse, prove, cut, count, commit, submit over SMPP, report, settle"
    return [Row("cpu", what, "≤ 0.8 ms", ours.cpu_ms, "ms", ours.cpu_ms <= 0.8, (ours,)) for ours in gateways(plan)]
