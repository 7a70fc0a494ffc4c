"""The demonstration: a real mail becomes an SMS on a phone, and the phone's answer a mail in an inbox.

Runs the whole program with its embedded defaults in one folder. With `once` it ends after the round trip; without, it
goes on serving, and says where a mail client and a browser find it.
"""

from __future__ import annotations

import asyncio
import fcntl
import mailbox
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import TypeVar

import aiosmtplib

from brevdue.app import App
from brevdue.console import CommandError
from brevdue.rooms import Rooms
from brevdue.settings import load
from gateway import maillog
from gateway.model import Account
from gateway.numbers import display
from gateway.providers.simulator import SimulatorProvider
from gateway.store.opening import open_database

T = TypeVar("T")
EMPLOYEE = "anna@firm.example"
PHONE = "+4530643064"
FOLDER = Path("demo")
PATIENCE = 10.0
"""Seconds for each half of the round trip."""

_CONFIGURATION = """\
# Made by `brevdue demo`: everything on this machine, nothing leaves it.
[mail]
domains = ["sms.example.com"]
hostname = "sms.example.com"
operator = "operator@firm.example"
[smtp]
port = {smtp}
[http]
port = {http}
public_url = "http://127.0.0.1:{http}"
[mail_out]
relay = "maildir:inbox"
[trust]
networks = ["127.0.0.0/8"]
[log]
level = "warning"
"""


class DemoError(CommandError):
    """The round trip did not come to its end; the text says where it stopped."""


@dataclass(frozen=True, slots=True)
class Round:
    """Who takes part in the demonstration."""

    key: str
    account: Account


async def demo(*, once: bool) -> None:
    """Run the round trip, then end or keep serving. Raises DemoError."""
    maillog.configure(as_json=False, level="warning")
    if once:
        with tempfile.TemporaryDirectory(prefix="brevdue-demo-") as folder:
            await _run(Path(folder), serve_on=False)
    else:
        with alone(FOLDER):
            await _run(FOLDER, serve_on=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other demonstrations out of it. Raises DemoError."""
    folder.mkdir(exist_ok=True)
    with (folder / "running").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"a demo runs in this folder already ({folder}/): stop it with Ctrl-C first") from None
        yield


async def _run(folder: Path, *, serve_on: bool) -> None:
    configuration = folder / "brevdue.toml"
    configuration.write_text(_CONFIGURATION.format(smtp=_free_port(2525), http=_free_port(8025)))
    settings = load(configuration, {})
    app = App(settings, await open_database(settings.store.url))
    await app.start()
    try:
        taken = await _round_trip(app.rooms, folder / "inbox")
        if serve_on:
            _invite(app.rooms, configuration, taken, await _link(app.rooms))
            await _told_to_stop()
    finally:
        await app.stop()


async def _round_trip(rooms: Rooms, inbox: Path) -> Round:
    key, account = await _employee(rooms)
    address = f"{key}@{rooms.settings.mail.domains[0]}"
    began = time.monotonic()

    mail = _mail(address, display(PHONE), "Hej Anders!\n\nJeg har modtaget dokumenterne.\n\nMed venlig hilsen\nAnna")
    _show("1  A mail leaves a mail client", _envelope(mail), str(mail.get_content()))
    await aiosmtplib.send(mail, hostname=rooms.settings.smtp.host, port=rooms.edge.ports["smtp"])

    phones = _simulator(rooms)
    sms = await _wait(lambda: next(iter(phones.journal.received(PHONE)[-1:]), None), "the SMS did not reach the phone")
    took = time.monotonic() - began
    _show(f"2  The SMS on the phone, {took * 1000:.0f} ms later", f"From {sms['from']} to {sms['to']}", sms["text"])

    before = _inbox_size(inbox)
    await phones.inbound(PHONE, account.number, "Super! Hvad tid er mødet onsdag?")
    answer = await _wait(lambda: _newest(inbox, before), "the answer did not reach the inbox")
    _show("3  The phone's answer in the inbox", _envelope(answer), str(answer.get_content()))
    return Round(key, account)


async def _employee(rooms: Rooms) -> tuple[str, Account]:
    """The key and account of an earlier demonstration in this folder, or new ones."""
    for account in await rooms.accounts.accounts_of(EMPLOYEE):
        if (secret := await rooms.accounts.secret_of(account.key_id)) is not None:
            return secret, account
    organisation = await rooms.accounts.ensure_organisation("Firma A/S")
    key, secret = await rooms.accounts.create_key(organisation)
    return secret, await rooms.accounts.open_account(key.id, EMPLOYEE)


def _mail(to: str, subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Anna Hansen <{EMPLOYEE}>", to, subject
    mail["Message-ID"] = make_msgid(domain="firm.example")
    mail.set_content(text)
    return mail


def _simulator(rooms: Rooms) -> SimulatorProvider:
    return next(provider for provider in rooms.providers.values() if isinstance(provider, SimulatorProvider))


async def _wait(look: Callable[[], T | None], otherwise: str) -> T:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        await asyncio.sleep(0.02)
    raise DemoError(f"{otherwise} within {PATIENCE:.0f} seconds")


def _inbox_size(inbox: Path) -> int:
    return len(mailbox.Maildir(inbox)) if inbox.exists() else 0


def _newest(inbox: Path, before: int) -> EmailMessage | None:
    if _inbox_size(inbox) <= before:
        return None
    newest = max((inbox / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    return message_from_bytes(newest.read_bytes(), policy=policy.default)


def _envelope(mail: EmailMessage) -> str:
    return "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject"))


def _show(title: str, head: str, body: str) -> None:
    lines = [title, "", *head.splitlines(), "", *body.strip().splitlines()]
    print("\n".join([lines[0], *(f"   │ {line}".rstrip() for line in lines[1:])]) + "\n")


async def _link(rooms: Rooms) -> str:
    """A link to the pages that makes whoever follows it an operator: what it has been made for runs on this machine."""
    # Only a demo that goes on pays for what these take to import.
    from brevdue.site import identity_of
    from web.identity.model import LinkKind
    from web.identity.roles import Role

    links = identity_of(rooms).links
    return links.url(await links.make(LinkKind.OPERATOR, role=Role.OPERATOR, made_by="demo"))


def _invite(rooms: Rooms, configuration: Path, taken: Round, link: str) -> None:
    host, port = rooms.settings.smtp.host, rooms.edge.ports["smtp"]
    domain = rooms.settings.mail.domains[0]
    print(
        f"""\
Now you. The gateway is running until you press Ctrl-C.

   Pages       {link}
               (once: it makes you the operator)
   Phones      {rooms.settings.http.public_url}/sim
   Mail server {host}:{port}, no password, no encryption: add it as outgoing server to your mail client, or

               swaks --server {host}:{port} --from {EMPLOYEE} \\
                     --to {taken.key}@{domain} --header 'Subject: 30643064' --body 'Hello'

               (mutt needs "set ssl_force_tls=no" beside smtp_url)
   From        {EMPLOYEE}, whose number is {display(taken.account.number)}
   Inbox       {configuration.parent / "inbox"} (a maildir: mutt -f {configuration.parent / "inbox"})
   Your own    {_this_program()} account open {taken.key} YOU@YOUR.DOMAIN -c {configuration}
""",
        flush=True,
    )


def _this_program() -> str:
    """The command as it can be typed here."""
    program = Path(sys.argv[0])
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else str(program)


async def _told_to_stop() -> None:
    stopping = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    await stopping.wait()


def _free_port(wish: int) -> int:
    """The wished port, or any other when it is taken."""
    for port in (wish, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no free port on this machine")
