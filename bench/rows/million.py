"""With a million messages waiting: starting, and working for everybody else.

They wait in one of two ways: until a later time, as after a provider's temporary refusal, or for a provider that is not
reachable, due since before the start. The mails and SMS that are measured go another way and must not notice.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import cast

from bench import providers
from bench.filling import Waiting, fill, make_due
from bench.measured import Account, Measured
from bench.processes import resident
from bench.results import Plan, Row, Run, alternately, side
from bench.rows import mail_to_sms, sms_to_mail
from bench.rows.mail_to_sms import named
from bench.scratch import scratch
from tests.ports import free_port

MESSAGES = 1_000_000
_READY_SECONDS, _RESIDENT_MB, _SHARE = 3, 250, 0.9
_DAY = 86_400.0
_AWAY = "away"
_REST = 5.0
_STARTS = 3


def _later(plan: Plan) -> Account:
    """A gateway's folder with a full spool, to be copied from: nothing is due for a day."""
    folder = plan.folder / "later"
    if folder.name not in plan.kept:
        gateway = Measured(folder, providers.smpp(free_port(), "centre")).open_account()
        fill(gateway.database, Waiting(plan.some(MESSAGES), _AWAY, time.time() + _DAY))
        plan.kept[folder.name] = gateway.opened
    return cast("Account", plan.kept[folder.name])


def _due(plan: Plan) -> Account:
    """The same, all due now."""
    folder = plan.folder / "due"
    if folder.name not in plan.kept:
        gateway = Measured(folder).open_account(_later(plan))
        make_due(gateway.database, time.time())
        plan.kept[folder.name] = gateway.opened
    return cast("Account", plan.kept[folder.name])


def _away() -> str:
    """A provider behind a port where nobody listens."""
    return providers.smpp(free_port(), _AWAY, pool=False)


def start(plan: Plan) -> list[Row]:
    """How soon it is ready, and how much memory it holds then."""
    rows = []
    for how, filled in (("due in a day", _later(plan)), ("due now, their provider away", _due(plan))):
        seconds, memory = [], []
        for _ in range(1 if plan.short else _STARTS):
            with scratch() as home:
                toml = providers.smpp(free_port(), "centre") + _away()
                with Measured(home / "gateway", toml, plan.gateways[0]).open_account(filled) as gateway:
                    seconds.append(gateway.ready_after)
                    time.sleep(_REST)
                    memory.append(resident(gateway.pid, "VmHWM"))
        ready, most = statistics.median(seconds), max(memory)
        waiting = f"with {plan.some(MESSAGES):,} messages waiting, {how}"
        rows += [
            Row("start-full", f"start {waiting}", f"≤ {_READY_SECONDS} s", ready, "s", ready <= _READY_SECONDS),
            Row(
                "start-full",
                f"most ever resident, {waiting}, {_REST:g} s after the start",
                f"≤ {_RESIDENT_MB} MB",
                most,
                "MB",
                most <= _RESIDENT_MB,
            ),
        ]
    return rows


def rates(plan: Plan) -> list[Row]:
    """Mail to SMS, and SMS to mail, beside the same with an empty spool."""
    arguments = plan.gateways[-1]
    return [
        *_beside_empty(plan, "mail → SMS", partial(_mails, plan, arguments)),
        *_beside_empty(plan, "incoming SMS → mail", partial(_sms, plan, arguments)),
    ]


def _mails(plan: Plan, arguments: str, filled: Account | None) -> Run:
    return mail_to_sms.through_gateway(arguments, plan.some(mail_to_sms.MAILS), more=_away(), filled=filled)


def _sms(plan: Plan, arguments: str, filled: Account | None) -> Run:
    return sms_to_mail.through_gateway(arguments, plan.some(sms_to_mail.SMS), more=_away(), filled=filled)


def _beside_empty(plan: Plan, what: str, measure: Callable[[Account | None], Run]) -> list[Row]:
    ways = {
        "an empty spool": None,
        "waiting, due in a day": _later(plan),
        "waiting, due now, their provider away": _due(plan),
    }
    runs = alternately(plan.repeats, {name: partial(measure, filled) for name, filled in ways.items()})
    empty, *full = (side(f"{named(plan.gateways[-1])}, {name}", some) for name, some in runs.items())
    return [
        Row(
            "million",
            f"{what} with {plan.some(MESSAGES):,} messages waiting, against an empty spool",
            f"≥ {_SHARE} ×",
            ours.rate / empty.rate,
            "×",
            ours.rate / empty.rate >= _SHARE,
            (ours, empty),
        )
        for ours in full
    ]
