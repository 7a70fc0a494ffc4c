"""How the gateway stands: asked of the gateway while it runs, else read from its database.

In: the settings. Out: a `Status`, with every problem as a sentence that says where to look. Nothing is changed, and a
database that does not exist yet is not made.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from gateway.maillog import Event
from gateway.model import JsonDict
from gateway.settings import GatewaySettings

ANSWER_SECONDS = 5.0
"""How long a gateway may take to answer: longer than its own checks take."""
LATE_SECONDS = 600.0
"""Mail that has been due for longer is a problem."""
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a listener may be told, and where to find it


@dataclass(frozen=True, slots=True)
class Status:
    """What is known at one moment."""

    at: float
    url: str
    """Where the gateway was asked."""
    gateway: JsonDict | None
    """What it answered: see `web.metrics`; None when it does not run."""
    figures: JsonDict | None
    """How the queues stand (`gateway.store.figures_sql.Figures`); None when nobody knows."""
    problems: tuple[str, ...]

    @property
    def running(self) -> bool:
        """Whether a gateway answered."""
        return self.gateway is not None

    @property
    def ready(self) -> bool:
        """Whether it takes mail."""
        return self.gateway is not None and all(check["state"] != "failing" for check in self.gateway["checks"])

    def as_json(self) -> JsonDict:
        """Everything, for scripts."""
        return {
            "running": self.running,
            "ready": self.ready,
            "problems": list(self.problems),
            **(self.gateway or {}),
            "figures": self.figures,
        }


def status_url(settings: GatewaySettings) -> str:
    """Where the gateway of these settings answers on this machine."""
    host = _ANY_HOST.get(settings.http.host, settings.http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http.port}/status"


async def look(settings: GatewaySettings) -> Status:
    """Ask the gateway; read the database where none answers."""
    url = status_url(settings)
    gateway, problem = _ask(url)
    if gateway is not None:
        return Status(time.time(), url, gateway, gateway["figures"], _problems(gateway, gateway["figures"]))
    figures, unread = await _read(settings.store.url)
    problems = (problem, *([unread] if unread else []), *_problems(None, figures))
    return Status(time.time(), url, None, figures, problems)


def _ask(url: str) -> tuple[JsonDict | None, str]:
    """What the gateway answers, or in words why not."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=ANSWER_SECONDS) as answer:
            told = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return None, f"{url} answers {error.code}: another program or another version has the port"
    except TimeoutError:
        return None, f"the gateway takes longer than {ANSWER_SECONDS:g} seconds to answer at {url}"
    except OSError:
        return None, f"the gateway is not running: nothing answers at {url}"
    except (ValueError, HTTPException):
        told = None
    if not isinstance(told, dict) or "figures" not in told:
        return None, f"what answers at {url} is no Brevdue"
    return told, ""


async def _read(url: str) -> tuple[JsonDict | None, str]:
    """The figures in the database, or in words why not."""
    from gateway.store.database import StoreUnavailableError
    from gateway.store.figures_sql import figures
    from gateway.store.opening import open_database

    if missing := _missing_file(url):
        return None, f"there is no database yet: {missing}"
    try:
        database = await open_database(url)
        try:
            return asdict(await database.read(partial(figures, now=time.time()))), ""
        finally:
            await database.close()
    except StoreUnavailableError as error:
        return None, f"the database cannot be read: {str(error).partition(chr(10))[0]}"


def _missing_file(url: str) -> str:
    """The file of an SQLite database that is not there; "" for all others."""
    kind, _, file = url.partition(":///")
    return file if kind == "sqlite" and not Path(file).exists() else ""


# --- problems ------------------------------------------------------------------------------------------------------


def _problems(gateway: Mapping[str, Any] | None, figures: Mapping[str, Any] | None) -> tuple[str, ...]:
    found = []
    if gateway is not None:
        found += [f"{check['name']}: {check['problem']}" for check in gateway["checks"] if check["problem"]]
        found += [f"provider {name} is {state}" for name, state in gateway["providers"].items() if state != "up"]
        found += [
            f"provider {name} takes no messages: its breaker is open (provider-state in the log says why)"
            for name in gateway["breakers_open"]
        ]
        if faults := gateway["lately"]["hour"]["events"].get(Event.FAULT, 0):
            found.append(f'{_many(faults, "fault")} in the last hour: look for "fault" in the log')
    if figures is None:
        return (*found, "how the queues stand is not known: the database does not answer") if gateway else tuple(found)
    if unknown := figures["unknown"]:
        sms = _many(unknown, "SMS")
        found.append(f"{sms} may or may not have been sent: brevdue message list --state unknown")
    if figures["mails_overdue_seconds"] > LATE_SECONDS:
        late = ago(figures["mails_overdue_seconds"])
        found.append(f"mail does not leave, the oldest of {figures['mails']} is {late} late: look for mail-delayed")
    if asked := figures["asked"]:
        found.append(f"{_many(asked, 'incoming SMS')} that nobody says to be for: brevdue message asked")
    if unrouted := figures["unrouted"]:
        found.append(f"{_many(unrouted, 'incoming SMS')} to numbers that nobody has: brevdue message unrouted")
    if refusing := figures["refusing"]:
        refuses = "mailbox refuses" if refusing == 1 else "mailboxes refuse"
        found.append(f"{refusing} {refuses} mail, so that answers do not arrive: brevdue account list")
    if lost := figures["operator_failed"]:
        found.append(f"{_many(lost, 'mail')} to the operator failed for good this week: look at [mail] operator")
    return tuple(found)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 or thing.endswith("SMS") else "s")


def ago(seconds: float) -> str:
    """A duration as people say it: the largest unit that makes it at least 2, or seconds."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
