"""From the 250 at the sender to the provider's door, at half the rate that the gateway can take at most.

One clock on one machine: the sender notes the monotonic time of each 250, the witness that of each submit_sm as the
message centre tells of it. A message may be at the door before its sender has read the 250; then the delay is negative.
"""

from __future__ import annotations

from bench import providers
from bench.clients.paced import texts_and_times
from bench.measured import Measured
from bench.peers.smsc import MessageCentre
from bench.processes import metered
from bench.results import Plan, Row, Run, side
from bench.rows.mail_to_sms import MAILS, PHONE, named, through_gateway
from bench.scratch import scratch
from tests.gateway_process import wait_for

_P50_MS, _P99_MS = 5, 50
_SECONDS = 10


def from_250_to_door(arguments: str, rate: float, mails: int) -> Run:
    """Mails at a pace; the delays are those between 250 and door."""
    with scratch() as home, MessageCentre(home, talk=True) as centre:
        gateway = Measured(home / "gateway", providers.smpp(centre.port), arguments).open_account()
        with gateway, metered(gateway.pid) as meter:
            taken = texts_and_times(gateway.smtp_port, gateway.opened.address, PHONE, rate, mails)
            wait_for(lambda: len(centre.arrived) >= mails, "all SMS", 60)
    delays = tuple(centre.arrived[text] - taken[text] for text in taken)
    return Run(mails, mails / rate, meter.cpu, meter.peak, delays)


def latency(plan: Plan) -> list[Row]:
    """At half the top rate, which is measured first."""
    rows = []
    for arguments in plan.gateways:
        top = through_gateway(arguments, plan.some(MAILS), keep=True).rate
        rate = top / 2
        ours = side(named(arguments), [from_250_to_door(arguments, rate, int(rate * plan.some(_SECONDS)))])
        assert ours.p50_ms is not None
        assert ours.p99_ms is not None
        rows.append(
            Row(
                "latency",
                f"from 250 to the provider's door at half the top rate ({rate:.0f} of {top:.0f} mails/s)",
                f"p50 ≤ {_P50_MS} ms, p99 ≤ {_P99_MS} ms",
                ours.p99_ms,
                "ms p99",
                ours.p50_ms <= _P50_MS and ours.p99_ms <= _P99_MS,
                (ours,),
            )
        )
    return rows
