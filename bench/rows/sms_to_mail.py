"""Incoming SMS: a provider tells of them by webhook, and the signed mails arrive at smtp-sink.

Each SMS is answered when it and its mail are durable; the clock stops when smtp-sink has the last mail. Mails carry two
DKIM signatures (RSA with 2048 bits and Ed25519), as they would in use.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import providers
from bench.clients.webhooks import delays
from bench.measured import Account, Measured
from bench.peers.postfix import SmtpSink
from bench.processes import metered
from bench.results import Plan, Row, Run, alternately, side
from bench.rows.mail_to_sms import named
from bench.scratch import scratch
from tests.gateway_process import DOMAIN
from tests.ports import free_port

SMS = 5000
_RATE = 1000
_PATIENCE = 300.0
_KEYS = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "ed": ["-algorithm", "ED25519"]}


def _mail_out(home: Path, sink: SmtpSink) -> str:
    """The section that signs and hands mails to the sink."""
    for name, options in _KEYS.items():
        command = ["openssl", "genpkey", *options, "-out", str(home / f"{name}.pem")]
        subprocess.run(command, check=True, capture_output=True)
    return (
        f'[mail_out]\nrelay = "127.0.0.1:{sink.port}"\ntls = "none"\n'
        f'[mail_out.dkim]\ndomain = "{DOMAIN}"\nrsa_key = "{home}/rsa.pem"\ned25519_key = "{home}/ed.pem"\n'
    )


def through_gateway(arguments: str, sms: int, *, more: str = "", filled: Account | None = None) -> Run:
    """SMS through the gateway to smtp-sink; delays are those of the webhooks' answers."""
    with scratch() as home, SmtpSink(home, until=sms) as sink:
        toml = _mail_out(home, sink) + providers.http(free_port()) + more
        gateway = Measured(home / "gateway", toml, arguments).open_account(filled)
        with gateway:
            began = time.monotonic()
            with metered(gateway.pid) as meter:
                path = f"/in/{providers.WEB}/{providers.SECRET}"
                answered = delays(gateway.http_port, path, gateway.opened.number, sms)
                sink.finished(_PATIENCE)
                took = time.monotonic() - began
    return Run(sms, took, meter.cpu, meter.peak, answered)


def webhook(plan: Plan) -> list[Row]:
    """How many a second."""
    ways: dict[str, Callable[[], Run]] = {
        named(arguments): partial(through_gateway, arguments, plan.some(SMS)) for arguments in plan.gateways
    }
    what = "incoming SMS by webhook → signed mail at smtp-sink"
    return [
        Row("webhook", what, f"≥ {_RATE:,}/s", ours.rate, "/s", ours.rate >= _RATE, (ours,))
        for ours in (side(name, runs) for name, runs in alternately(plan.repeats, ways).items())
    ]
