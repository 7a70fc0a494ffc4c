"""Mail leaves through a real smarthost, MX or maildir that does everything a server can do wrong."""

from __future__ import annotations

import asyncio
import base64
import mailbox
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dkim
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlalchemy import Connection, func, select, update

from gateway.delivery.dkim_sign import DkimKeyError, load_signer
from gateway.dns import DnsResolver
from gateway.mail_compose import dialog_mail
from gateway.mail_out import MailOut, retry_delay
from gateway.model import Account, MailKind, OutgoingMail, new_id
from gateway.settings import DkimSettings, DnsSettings, GatewaySettings
from gateway.sms import InboundSms
from gateway.store import mail_queue_sql as queue
from gateway.store import schema
from gateway.store.database import Database, StoreUnavailableError, alone
from gateway.store.opening import open_database
from tests.dns_server import DnsServer
from tests.dns_server import Fault as DnsFault
from tests.smarthost import Fault, Smarthost
from tests.waiting import until

pytestmark = pytest.mark.proves("D2", "D11", "X1")

DOMAIN = "sms.example.com"
KEY = "604cf54f8dc39dccb2e59e4d9172a9fb"
PATIENCE = 10.0
"""Seconds that a server has for an answer where none is to be late."""
IMPATIENCE = 1.0
"""Where one is."""
HANGS = frozenset({Fault.HANG_AT_RCPT, Fault.HANG_AFTER_DOT})
ACCOUNT = Account("A1", "O1", "K1", "peter@firma.dk", "+45609946474825", "simulator", "da", "DK", False, 0.0)


class TestClock:
    """A clock that a test moves."""

    __test__ = False

    def __init__(self) -> None:
        self.time = time.time()  # verifiers of signatures read the machine's clock

    def now(self) -> float:
        return self.time


class Marks:
    """Where an account's mailbox would be marked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None]] = []

    async def __call__(self, account_id: str, fault: str | None) -> None:
        self.calls.append((account_id, fault))


class Sending:
    """A running `MailOut` with everything around it."""

    def __init__(self, database: Database, service: MailOut, clock: TestClock, marks: Marks) -> None:
        self.database, self.service, self.clock, self.marks = database, service, clock, marks

    async def put(self, recipient: str = "peter@firma.dk", text: str = "Hej æøå", **changes: Any) -> OutgoingMail:
        mail = mail_to(recipient, self.clock.now(), text=text, **changes)
        await self.database.write(queue.put, queue.NewMails((mail,)))
        self.service.nudge()
        return mail

    async def count(self, state: str, tried: int = 0) -> int:
        """How many mails stand like this after so many attempts or more."""
        rows = schema.mail_queue.c
        query = select(func.count()).where(rows.state == state, rows.attempts >= tried)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())

    async def later(self, seconds: float) -> None:
        """Let time pass, and the service notice."""
        self.clock.time += seconds
        self.service.nudge()

    def be_patient(self) -> None:
        """Give servers time again: only the one that was to hang shall run out of it."""
        self.service._relay._client._timeout = PATIENCE

    async def row(self, mail: OutgoingMail) -> Any:
        query = select(schema.mail_queue).where(schema.mail_queue.c.id == mail.id)
        return await self.database.read(lambda connection: connection.execute(query).one())

    async def settled(self, mail: OutgoingMail, state: str, attempts: int = 1) -> Any:
        """Wait until a mail has had so many attempts and stands like this."""
        async with asyncio.timeout(30):
            while True:
                row = await self.row(mail)
                if row.state == state and row.attempts >= attempts and row.lease is None:
                    return row
                await asyncio.sleep(0.01)


def mail_to(
    recipient: str, now: float, *, text: str = "Hej æøå", kind: MailKind = MailKind.DIALOG, **changes: Any
) -> OutgoingMail:
    mail_id = new_id(now)
    content = dialog_mail(
        sms=InboundSms("simulator", mail_id, "+4530643064", ACCOUNT.number, text, now),
        account=Account(**{name: getattr(ACCOUNT, name) for name in ACCOUNT.__slots__} | {"email": recipient}),
        key_address=f"{KEY}@{DOMAIN}",
        display_name=f"besvar.{DOMAIN}",
        tag="SMS",
        message_id=f"{mail_id}@{DOMAIN}",
        in_reply_to=None,
        references=(),
        now=now,
    )
    values = {"return_path": f"b-{mail_id}@{DOMAIN}", "account_id": "A1", "content": content, "created_at": now}
    return OutgoingMail(id=mail_id, kind=kind, recipient=recipient, **(values | changes))


def settings_for(relay: str, **mail_out: Any) -> GatewaySettings:
    mail = {"domains": [DOMAIN], "hostname": "gw.example.com", "operator": "ops@example.com"}
    return GatewaySettings.model_validate({"mail": mail, "mail_out": {"relay": relay, "timeout": PATIENCE, **mail_out}})


@asynccontextmanager
async def sending(
    database: Database, relay: str, *, resolver: Any = None, mx_port: int = 25, **mail_out: Any
) -> AsyncIterator[Sending]:
    clock, marks = TestClock(), Marks()
    service = MailOut(
        settings=settings_for(relay, **mail_out),
        database=database,
        mark_mailbox=marks,
        clock=clock,
        resolver=resolver or DnsResolver(settings_for("mx").dns),
        mx_port=mx_port,
    )
    await service.start()
    try:
        yield Sending(database, service, clock, marks)
    finally:
        await service.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite, for what does not hang on the database."""
    opened = await open_database(f"sqlite:///{tmp_path}/q.db")
    yield opened
    await opened.close()


# --- what goes well ------------------------------------------------------------------------------------------------


async def test_a_mail_goes_out_as_it_was_written(database):
    async with Smarthost() as host, sending(database, host.address) as out:
        mail = await out.put()
        row = await out.settled(mail, queue.SENT)
        [received] = host.mails
        assert (received.mail_from, received.recipient) == (mail.return_path, "peter@firma.dk")
        assert received.content == mail.content
        assert received.message["Subject"] == "[SMS] Besked fra +45 30643064"
        assert row.cause == "250 2.0.0 queued"
        await until(lambda: out.marks.calls == [("A1", None)])
        assert await out.count(queue.QUEUED) == await out.count(queue.FAILED) == 0


async def test_connections_are_kept_and_used_again(store):
    async with Smarthost() as host, sending(store, host.address, concurrency=3) as out:
        mails = [await out.put(f"u{n}@firma.dk") for n in range(40)]
        for mail in mails:
            await out.settled(mail, queue.SENT)
        assert host.connections <= 3
        assert sorted(received.recipient for received in host.mails) == sorted(mail.recipient for mail in mails)


async def test_a_kept_connection_that_ended_costs_no_attempt(store):
    async with Smarthost() as host, sending(store, host.address, concurrency=1) as out:
        await out.settled(await out.put("a@firma.dk"), queue.SENT)
        host.hang_up()
        row = await out.settled(await out.put("b@firma.dk"), queue.SENT)
        host.behave("*", Fault.BUSY, times=1)
        third = await out.settled(await out.put("c@firma.dk"), queue.SENT)
        assert (row.attempts, third.attempts) == (1, 1)
        assert len(host.mails) == 3


async def test_null_return_path_and_mail_of_other_processes(store):
    async with Smarthost() as host, sending(store, host.address) as out:
        mail = mail_to("peter@firma.dk", out.clock.now(), return_path="", kind=MailKind.REPORT)
        await store.write(queue.put, queue.NewMails((mail,)))  # nobody nudges
        await out.settled(mail, queue.SENT)
        assert host.mails[0].mail_from == ""


async def test_lines_with_dots_and_eight_bits_arrive(store):
    content = "Subject: x\r\nFrom: a@b.dk\r\n\r\n.\r\n..x\r\nblåbær\r\n.\r\n".encode()
    async with Smarthost() as host, sending(store, host.address) as out:
        await out.settled(await out.put(content=content), queue.SENT)
        assert host.mails[0].content == content
        assert "BODY=8BITMIME" in host.mails[0].options


async def test_addresses_of_other_alphabets(store):
    async with Smarthost() as host, sending(store, host.address) as out:
        await out.settled(await out.put("jørgen@blåbær.dk"), queue.SENT)
        await out.settled(await out.put("anna@blåbær.dk"), queue.SENT)
        assert [received.recipient for received in host.mails] == ["jørgen@xn--blbr-roah.dk", "anna@xn--blbr-roah.dk"]
        assert ["SMTPUTF8" in received.options for received in host.mails] == [True, False]
    async with Smarthost(utf8=False) as host, sending(store, host.address) as out:
        row = await out.settled(await out.put("jørgen@blåbær.dk"), queue.FAILED)
        assert "SMTPUTF8" in row.cause


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Fault.GREYLIST, Fault.DATA_LATER, Fault.LOGIN_FIRST, Fault.HANG_AT_RCPT, Fault.CLOSE_AT_RCPT]
)
@pytest.mark.parametrize("pipelining", [True, False])
async def test_temporary_refusals_are_tried_again(store, fault, pipelining):
    timeout = IMPATIENCE if fault in HANGS else PATIENCE
    async with Smarthost(pipelining=pipelining) as host, sending(store, host.address, timeout=timeout) as out:
        host.behave("*", fault, times=1)
        mail = await out.put()
        row = await out.settled(mail, queue.QUEUED)
        assert 30 <= row.available_at - out.clock.now() <= 37.5
        assert row.cause
        assert host.mails == []
        assert out.marks.calls == []
        assert await out.count(queue.QUEUED, tried=1) == 1
        out.be_patient()
        await out.later(40)
        await out.settled(mail, queue.SENT, attempts=2)
        assert len(host.mails) == 1


@pytest.mark.parametrize(
    ("fault", "marked"), [(Fault.UNKNOWN_USER, True), (Fault.DATA_NEVER, True), (Fault.NO_SENDER, False)]
)
@pytest.mark.parametrize("pipelining", [True, False])
async def test_permanent_refusals_fail_and_mark_the_account(database, fault, marked, pipelining):
    async with Smarthost(pipelining=pipelining) as host, sending(database, host.address) as out:
        host.behave("peter@firma.dk" if marked else "*", fault, times=1)
        mail = await out.put()
        row = await out.settled(mail, queue.FAILED)
        assert row.cause.startswith(str(fault))
        assert bytes(row.content) == mail.content, "nothing is lost"
        await until(lambda: len(host.mails) == 1)
        [told] = host.mails
        assert (told.mail_from, told.recipient) == ("", "ops@example.com")
        assert mail.id in told.message.get_content()
        assert str(fault) in told.message.get_content()
        assert KEY not in told.content.decode()
        expected = [("A1", row.cause)] if marked else []
        await until(lambda: out.marks.calls[:1] == expected)
        # An operator sends it again once the mailbox is back.
        assert await database.write(queue.retry, queue.Retry(mail.id, out.clock.now()))
        out.service.nudge()
        await out.settled(mail, queue.SENT)
        await until(lambda: ("A1", None) in out.marks.calls)


@pytest.mark.parametrize("kind", [MailKind.OPERATOR, MailKind.REPORT, MailKind.WELCOME])
async def test_a_failed_report_makes_no_further_mail(store, kind):
    async with Smarthost() as host, sending(store, host.address) as out:
        host.behave("peter@firma.dk", Fault.UNKNOWN_USER)
        await out.settled(await out.put(kind=kind, return_path=""), queue.FAILED)
        await out.settled(await out.put("anna@firma.dk"), queue.SENT)
        assert [received.recipient for received in host.mails] == ["anna@firma.dk"]


async def test_the_operator_is_told_once_per_dead_mailbox(database):
    def directory(connection: Connection) -> None:
        at = {"created_at": 0.0}
        connection.execute(
            schema.organisations.insert().values(id="O1", name="Firma", region="DK", language="da", **at)
        )
        connection.execute(schema.api_keys.insert().values(id="K1", org_id="O1", kind="dialog", **at))
        person = {
            "id": "A1",
            "org_id": "O1",
            "key_id": "K1",
            "email": "peter@firma.dk",
            "email_folded": "peter@firma.dk",
        }
        place = {"number": ACCOUNT.number, "provider": "simulator", "language": "da", "region": "DK", "opened_at": 0.0}
        connection.execute(schema.accounts.insert().values(**person, **place))

    await database.write(alone(directory), None)
    mark = schema.accounts.update().values(mailbox_fault="550 5.1.1 no such user")
    async with Smarthost() as host, sending(database, host.address) as out:
        host.behave("peter@firma.dk", Fault.UNKNOWN_USER)
        await out.settled(await out.put(), queue.FAILED)
        await database.write(alone(lambda connection: connection.execute(mark).rowcount), None)
        for _ in range(3):
            await out.settled(await out.put(), queue.FAILED)
        await out.settled(await out.put("anna@firma.dk"), queue.SENT)
        await until(lambda: len(host.mails) == 2)
        assert sorted(received.recipient for received in host.mails) == ["anna@firma.dk", "ops@example.com"]
        assert await out.count(queue.FAILED) == 4


@pytest.mark.parametrize("fault", [Fault.CLOSE_AFTER_DOT, Fault.HANG_AFTER_DOT])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_after_an_unknown_outcome_the_same_mail_goes_again(store, fault, pipelining):
    timeout = IMPATIENCE if fault in HANGS else PATIENCE
    async with Smarthost(pipelining=pipelining) as host, sending(store, host.address, timeout=timeout) as out:
        host.behave("*", fault, times=1)
        mail = await out.put()
        await out.settled(mail, queue.QUEUED)
        out.be_patient()
        await out.later(40)
        await out.settled(mail, queue.SENT, attempts=2)
        first, second = host.mails
        assert first.message["Message-ID"] == second.message["Message-ID"]


async def test_days_of_refusals_end(store):
    async with Smarthost() as host, sending(store, host.address, give_up_after=3600) as out:
        host.behave("*", Fault.GREYLIST)
        mail = await out.put()
        for attempt in range(1, 20):
            row = await out.settled(mail, queue.QUEUED, attempt)
            if out.clock.now() - mail.created_at + (row.available_at - out.clock.now()) >= 3600:
                break
            await out.later(row.available_at - out.clock.now() + 0.1)
        await out.later(row.available_at - out.clock.now() + 0.1)
        row = await out.settled(mail, queue.FAILED)
        assert row.cause == "given up: 450 4.7.1 come back later (RCPT)"
        assert 5 <= row.attempts <= 9


@pytest.mark.proves("nothing spins")
@pytest.mark.parametrize("away", ["gone", "refuses", "hangs"])
@pytest.mark.stopwatch
async def test_a_long_queue_before_a_smarthost_that_is_away_rests(store, away):
    host = Smarthost(mute=away == "hangs", greeting="421 4.3.2 no service" if away == "refuses" else None)
    async with host, sending(store, host.address, timeout=0.3) as out:
        if away == "gone":
            await host.close()
        mails = tuple(mail_to(f"u{n}@firma.dk", out.clock.now()) for n in range(3000))
        await store.write(queue.put, queue.NewMails(mails))
        out.service.nudge()
        await asyncio.sleep(2)  # until those that were in hand are back
        before, begin = await tried(store), time.process_time()
        await out.later(3600)
        await asyncio.sleep(3)
        assert time.process_time() - begin < 0.3, "seconds of CPU in three seconds"
        assert await tried(store) - before <= 1, "attempts"
        assert before <= 20
        assert await out.count(queue.QUEUED) == 3000


async def tried(database: Database) -> int:
    """Attempts in all."""
    query = select(func.sum(schema.mail_queue.c.attempts))
    return await database.read(lambda connection: connection.execute(query).scalar_one())


@pytest.mark.proves("nothing spins")
async def test_a_smarthost_that_is_away_is_asked_seldom(store):
    async with Smarthost() as host:
        await host.close()
        refused = 0

        async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal refused
            refused += 1
            writer.write(b"554 no service\r\n")
            writer.close()

        door = await asyncio.start_server(count, "127.0.0.1", host.port)
        async with sending(store, host.address, concurrency=2) as out:
            mails = [await out.put(f"u{n}@firma.dk") for n in range(30)]
            await until(lambda: refused > 0)
            await out.later(31)
            await asyncio.sleep(1.2)
            assert refused <= 4, "all mails together knock no more often than the pauses allow"
            rows = [await out.row(mail) for mail in mails]
            assert {(row.state, row.lease) for row in rows} == {(queue.QUEUED, None)}
            assert sum(row.attempts for row in rows) == refused, "a mail that nobody could be offered to has no attempt"
            assert {row.cause for row in rows if row.attempts} == {
                f"relay away: {host.address.replace(':', ' port ')}: 554 no service"
            }
            door.close()
            await door.wait_closed()
            await host.open()
            out.service._relay._client._health.clear()  # the pause is over
            await out.later(1000)
            for mail in mails:
                await out.settled(mail, queue.SENT)
            assert len(host.mails) == 30


async def test_when_the_relay_is_back_nobody_waits_longer(store):
    async with Smarthost(greeting="421 4.3.2 starting") as host, sending(store, host.address) as out:
        first = await out.put("u0@firma.dk")
        await out.settled(first, queue.QUEUED)
        waiting = [first, *[await out.put(f"u{n}@firma.dk") for n in range(1, 5)]]
        host.greeting = None
        out.service._relay._client._health.clear()
        new = await out.put("new@firma.dk")
        for mail in (*waiting, new):
            await out.settled(mail, queue.SENT)
        assert len(host.mails) == 6


async def test_a_mute_server_times_out(store):
    async with Smarthost(mute=True) as host, sending(store, host.address, timeout=0.2) as out:
        row = await out.settled(await out.put(), queue.QUEUED)
        assert row.cause.startswith("relay away: ")


async def test_one_slow_mail_does_not_hold_the_others(store):
    async with Smarthost() as host, sending(store, host.address, timeout=60, concurrency=2) as out:
        host.behave("slow@firma.dk", Fault.HANG_AT_RCPT)
        slow = await out.put("slow@firma.dk")
        others = [await out.put(f"u{n}@firma.dk") for n in range(10)]
        for mail in others:
            await out.settled(mail, queue.SENT)
        await until(lambda: "slow@firma.dk" in host.attempts)
        assert (await out.row(slow)).attempts == 0, "it hangs still"
        host.hang_up()
        await out.settled(slow, queue.QUEUED)


# --- TLS and AUTH ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.mark.proves("TLS as configured")
@pytest.mark.parametrize(("tls", "implicit"), [("opportunistic", False), ("required", False), ("implicit", True)])
async def test_tls_with_login(store, authority, ca_file, tls, implicit):
    users = {"brevdue": "s3cret"}
    async with (
        Smarthost(tls=server_tls(authority), implicit=implicit, users=users) as host,
        sending(store, host.address, tls=tls, ca_file=ca_file, user="brevdue", password="s3cret") as out,
    ):
        await out.settled(await out.put(), queue.SENT)
        assert (host.mails[0].tls, host.mails[0].login) == (True, "brevdue")


@pytest.mark.proves("TLS as configured")
async def test_opportunistic_takes_any_certificate_and_none(store, authority):
    for host in (
        Smarthost(tls=server_tls(authority, "other.example")),
        Smarthost(),
        Smarthost(tls=server_tls(authority), starttls_fails=True),
    ):
        async with host, sending(store, host.address) as out:
            await out.settled(await out.put(), queue.SENT)
            assert host.mails[0].tls is (host._tls is not None and not host.starttls_fails)


@pytest.mark.proves("TLS as configured")
async def test_none_stays_in_the_clear(store, authority):
    async with Smarthost(tls=server_tls(authority)) as host, sending(store, host.address, tls="none") as out:
        await out.settled(await out.put(), queue.SENT)
        assert not host.mails[0].tls


@pytest.mark.proves("TLS as configured")
@pytest.mark.parametrize("wrong", ["no tls", "other name", "unknown authority"])
async def test_required_sends_nothing_where_the_server_is_not_proven(store, authority, ca_file, wrong):
    tls = (
        None if wrong == "no tls" else server_tls(authority, "other.example" if wrong == "other name" else "127.0.0.1")
    )
    trusted = {} if wrong == "unknown authority" else {"ca_file": ca_file}
    async with Smarthost(tls=tls) as host, sending(store, host.address, tls="required", **trusted) as out:
        row = await out.settled(await out.put(), queue.QUEUED)
        assert row.cause.startswith("relay away: ")
        assert (host.mails, host.attempts) == ([], [])


@pytest.mark.proves("TLS as configured")
async def test_a_wrong_password_is_the_administrators_matter(store):
    async with (
        Smarthost(users={"brevdue": "s3cret"}) as host,
        sending(store, host.address, user="brevdue", password="wrong") as out,
    ):
        row = await out.settled(await out.put(), queue.QUEUED)
        assert "sign-in: 535" in row.cause
        assert "wrong" not in row.cause
        assert out.marks.calls == []
        assert host.mails == []


# --- DKIM ------------------------------------------------------------------------------------------------------------


def write_key(path: Path, key: Any) -> Path:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.mark.proves("DKIM: our signature")
async def test_both_signatures_verify_and_guard_what_they_should(store, tmp_path):
    rsa_key, ed_key = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
    spki = rsa_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    records = {
        f"brevdue._domainkey.{DOMAIN}.".encode(): b"v=DKIM1; k=rsa; p=" + base64.b64encode(spki),
        f"brevdue-ed._domainkey.{DOMAIN}.".encode(): b"v=DKIM1; k=ed25519; p="
        + base64.b64encode(ed_key.public_key().public_bytes_raw()),
    }

    def verifies(content: bytes, each: int) -> bool:
        try:
            return dkim.DKIM(content).verify(idx=each, dnsfunc=lambda name, timeout=5: records[name])
        except dkim.ValidationError:
            return False

    def valid(content: bytes) -> list[bool]:
        return [verifies(content, each) for each in (0, 1)]

    keys = {"rsa_key": write_key(tmp_path / "r.pem", rsa_key), "ed25519_key": write_key(tmp_path / "e.pem", ed_key)}
    async with Smarthost() as host, sending(store, host.address, dkim=keys) as out:
        await out.settled(await out.put(text="Привет"), queue.SENT)
        content = host.mails[0].content
        now = int(out.clock.now())
    assert valid(content) == [True, True]
    signatures = host.mails[0].message.get_all("DKIM-Signature")
    assert [f"a={kind}" in each for kind, each in zip(("rsa-sha256", "ed25519-sha256"), signatures, strict=True)] == [
        True,
        True,
    ]
    for each in signatures:
        tags = dict(tag.strip().split("=", 1) for tag in each.split(";") if "=" in tag)
        assert tags["d"] == DOMAIN
        assert "l" not in tags
        assert now < int(tags["x"]) == int(tags["t"]) + 7 * 86400
        assert tags["h"].replace(" ", "").split(":").count("from") == 2
    for field in (b"From: boss@good.example\r\n", b"Subject: other\r\n", b"To: x@y.dk\r\n", b"Reply-To: x@y.dk\r\n"):
        assert valid(field + content) == [False, False]
    assert valid(content + b"more\r\n") == [False, False]


@pytest.mark.proves("DKIM: our signature", "campaign: one-click")
async def test_what_unsubscribes_is_signed(tmp_path: Path) -> None:
    key = write_key(tmp_path / "e.pem", ed25519.Ed25519PrivateKey.generate())
    signer = load_signer(DkimSettings(ed25519_key=key), DOMAIN)
    mail = (
        b"From: a@b.dk\r\nList-Unsubscribe: <https://b.dk/u/x>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nx\r\n"
    )
    tags = signer.sign(mail, 0.0).partition(b"h=")[2].partition(b";")[0].replace(b"\r\n ", b"").split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(tags)


@pytest.mark.proves("DKIM: our signature")
@pytest.mark.parametrize("wrong", ["too small", "no key", "missing", "other kind"])
async def test_a_signing_key_that_is_wrong_is_refused_at_start(store, tmp_path, wrong):
    path = tmp_path / "dkim.pem"
    if wrong == "too small":
        write_key(path, rsa.generate_private_key(65537, 1024))
    elif wrong == "no key":
        path.write_text("hello")
    elif wrong == "other kind":
        write_key(path, ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(DkimKeyError, match=r"\[mail_out.dkim\] rsa_key: .*" + ("2048" if wrong == "too small" else "")):
        async with sending(store, "mx", dkim={"rsa_key": path}):
            pytest.fail("started")


# --- MX ----------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("MX")
async def test_exchangers_in_order_with_what_is_dead_skipped(store):
    async with Smarthost() as host:
        zone = {
            "firma.dk": {"MX": ["20 backup.firma.dk.", "10 dead.firma.dk.", "5 gone.firma.dk."]},
            "dead.firma.dk": {"A": ["127.0.0.9"]},
            "backup.firma.dk": {"A": ["127.0.0.1"]},
            "plain.dk": {"A": ["127.0.0.1"]},
        }
        async with DnsServer(zone) as names:
            resolver = DnsResolver(DnsSettings(servers=(names.address,)))
            async with sending(store, "mx", resolver=resolver, mx_port=host.port) as out:
                for recipient in ("peter@firma.dk", "anna@plain.dk", "lit@[127.0.0.1]"):
                    await out.settled(await out.put(recipient), queue.SENT)
        assert [received.recipient for received in host.mails] == ["peter@firma.dk", "anna@plain.dk", "lit@[127.0.0.1]"]


@pytest.mark.proves("MX", "DNS dead")
@pytest.mark.parametrize(
    ("domain", "state", "code"),
    [
        ("null.dk", queue.FAILED, "5.1.10"),
        ("missing.dk", queue.FAILED, "5.1.2"),
        ("loop.dk", queue.FAILED, "5.4.6"),
        ("broken.dk", queue.QUEUED, "4.4.3"),
        ("silent.dk", queue.QUEUED, "4.4.3"),
        ("empty.dk", queue.QUEUED, "4.4.4"),
    ],
)
async def test_what_dns_can_say(store, domain, state, code):
    zone = {
        "null.dk": {"MX": ["0 ."]},
        "loop.dk": {"MX": ["10 gw.example.com.", "20 backup.loop.dk."]},
        "backup.loop.dk": {"A": ["127.0.0.1"]},
        "empty.dk": {"MX": ["10 nowhere.empty.dk."]},
    }
    async with DnsServer(zone) as names:
        names.misbehave("broken.dk", DnsFault.SERVFAIL)
        names.misbehave("silent.dk", DnsFault.TIMEOUT)
        patience = {"timeout": 0.3} if domain == "silent.dk" else {}
        resolver = DnsResolver(DnsSettings(servers=(names.address,), **patience))
        async with sending(store, "mx", resolver=resolver) as out:
            mail = await out.put(f"peter@{domain}")
            row = await out.settled(mail, state)
            assert row.cause.startswith(code)
            assert row.attempts == 1


@pytest.mark.proves("DNS dead", "nothing spins")
async def test_without_dns_everything_waits_and_nothing_spins(store):
    async with DnsServer({}) as names:
        names.misbehave("*", DnsFault.TIMEOUT)
        resolver = DnsResolver(DnsSettings(servers=(names.address,), timeout=0.2))
        async with sending(store, "mx", resolver=resolver) as out:
            mails = [await out.put(f"peter@d{n}.dk") for n in range(10)]
            for mail in mails:
                await out.settled(mail, queue.QUEUED)
            asked = len(names.queries)
            await out.later(25)
            await asyncio.sleep(1.2)
            assert len(names.queries) == asked
            assert [(await out.row(mail)).attempts for mail in mails] == [1] * 10
            assert await out.count(queue.QUEUED, tried=1) == 10


# --- maildir -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("maildir")
async def test_a_maildir_that_mail_programs_read(database, tmp_path):
    path = tmp_path / "mail"
    async with sending(database, f"maildir:{path}") as out:
        mails = [await out.put(recipient) for recipient in ("peter@firma.dk", "anna@firma.dk")]
        for mail in mails:
            await out.settled(mail, queue.SENT)
        box = mailbox.Maildir(path, create=False)
        found = {message["Delivered-To"]: message for message in box}
        assert set(found) == {"peter@firma.dk", "anna@firma.dk"}
        peter = found["peter@firma.dk"]
        assert peter["Return-Path"] == f"<{mails[0].return_path}>"
        assert peter.get_payload(decode=True).decode() == "Hej æøå\n"
        assert list((path / "tmp").iterdir()) == []
        assert {file.stat().st_mode & 0o777 for file in (path / "new").iterdir()} == {0o600}


@pytest.mark.proves("maildir")
async def test_delivering_again_replaces_what_nobody_has_opened(store, tmp_path):
    async with sending(store, f"maildir:{tmp_path}/mail") as out:
        mail = await out.put()
        await out.settled(mail, queue.SENT)
        # As after a crash between the file and the commit.
        undo = (
            update(schema.mail_queue)
            .where(schema.mail_queue.c.id == mail.id)
            .values(state=queue.QUEUED, content=mail.content, available_at=mail.created_at)
        )
        await store.write(alone(lambda connection: connection.execute(undo).rowcount), None)
        out.service.nudge()
        await out.settled(mail, queue.SENT)
        assert len(list(Path(tmp_path, "mail", "new").iterdir())) == 1


@pytest.mark.proves("maildir")
async def test_a_maildir_that_cannot_be_written_is_tried_again(store, tmp_path):
    (tmp_path / "mail").write_text("a file")
    async with sending(store, f"maildir:{tmp_path}/mail") as out:
        mail = await out.put()
        assert (await out.settled(mail, queue.QUEUED)).cause.startswith("4.3.0 cannot write")
        (tmp_path / "mail").unlink()
        await out.later(40)
        await out.settled(mail, queue.SENT, attempts=2)


# --- the queue itself ------------------------------------------------------------------------------------------------


@pytest.mark.proves("no second copy")
async def test_two_processes_never_hold_the_same_mail(database):
    mails = tuple(mail_to(f"u{n}@firma.dk", 100.0 + n) for n in range(50))
    await database.write(queue.put, queue.NewMails(mails, about="S1"))
    claims = [queue.Claim(1000.0, f"process {n}", 1120.0, 20) for n in range(4)]
    taken = await asyncio.gather(*(database.write(queue.claim, each) for each in claims))
    ids = [claimed.mail.id for group in taken for claimed in group]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {mail.id for mail in mails}
    rest = await database.write(queue.claim, queue.Claim(1000.0, "last", 1120.0, 100))
    assert len(ids) + len(rest) == 50


@pytest.mark.proves("no second copy")
async def test_leases_end_and_only_their_holder_settles(database):
    mail = mail_to("peter@firma.dk", 100.0)
    await database.write(queue.put, queue.NewMails((mail,)))
    [first] = await database.write(queue.claim, queue.Claim(100.0, "dies", 220.0, 5))
    assert first.mail == mail
    assert await database.read(queue.next_due) == 220.0
    assert await database.write(queue.claim, queue.Claim(219.0, "early", 400.0, 5)) == []
    [second] = await database.write(queue.claim, queue.Claim(220.0, "takes over", 340.0, 5))
    assert second.mail.id == mail.id
    late = queue.Settlement(mail.id, "dies", queue.SENT, 221.0, tell=queue.NewMails((mail_to("x@y.dk", 1.0),)))
    assert await database.write(queue.settle, late) is False
    assert await database.write(queue.release, queue.Release("takes over", 230.0)) == 1
    [third] = await database.write(queue.claim, queue.Claim(230.0, "third", 350.0, 5))
    assert await database.write(queue.settle, queue.Settlement(mail.id, third.lease, queue.SENT, 231.0)) is True
    assert await database.read(queue.next_due) is None
    assert await database.write(queue.bounce, queue.Bounced(mail.id, 240.0, "gone")) is not None
    assert await database.write(queue.retry, queue.Retry(mail.id, 250.0)) is False, "its text is in a mailbox, not here"


@pytest.mark.proves("no second copy")
async def test_a_mail_that_was_born_leased_is_its_makers_alone(database):
    mail = mail_to("peter@firma.dk", 100.0)
    await database.write(queue.put, queue.NewMails((mail,), hold=queue.Hold("maker", 220.0)))
    assert await database.write(queue.claim, queue.Claim(219.0, "other", 339.0, 5)) == []
    assert await database.write(queue.settle, queue.Settlement(mail.id, "other", queue.SENT, 130.0)) is False
    assert await database.write(queue.settle, queue.Settlement(mail.id, "maker", queue.SENT, 131.0)) is True
    assert await database.write(queue.settle, queue.Settlement(mail.id, "maker", queue.SENT, 132.0)) is False


@pytest.mark.proves("no second copy")
async def test_outcomes_that_are_settled_together_stay_each_their_own(database):
    mails = tuple(mail_to(f"u{n}@firma.dk", 100.0) for n in range(4))
    await database.write(queue.put, queue.NewMails(mails, hold=queue.Hold("mine", 220.0)))
    later, failed, other, sent = (mail.id for mail in mails)
    outcomes = [
        queue.Settlement(later, "mine", queue.QUEUED, 110.0, "450 later", retry_at=500.0),
        queue.Settlement(
            failed, "mine", queue.FAILED, 110.0, "550 no", tell=queue.NewMails((mail_to("o@x.dk", 100.0),))
        ),
        queue.Settlement(other, "another's", queue.SENT, 110.0),
        queue.Settlement(sent, "mine", queue.SENT, 110.0, "250 ok"),
    ]
    done = await asyncio.gather(*(database.write(queue.settle, each) for each in outcomes))
    assert done == [True, True, False, True]
    table = schema.mail_queue
    columns = (table.c.state, table.c.cause, table.c.attempts, table.c.available_at, table.c.lease)
    rows = await database.read(lambda connection: connection.execute(select(table.c.id, *columns)).all())
    found = {row.id: tuple(row)[1:] for row in rows}
    assert found[later] == (queue.QUEUED, "450 later", 1, 500.0, None)
    assert found[failed][:3] == (queue.FAILED, "550 no", 1)
    assert found[other] == (queue.QUEUED, "", 0, 220.0, "mine")
    assert found[sent][:3] == (queue.SENT, "250 ok", 1)
    assert len(rows) == 5, "one mail tells of the failure"


@pytest.mark.proves("no second copy")
async def test_stopping_gives_back_what_was_not_tried(store):
    async with Smarthost() as host:
        host.behave("*", Fault.HANG_AT_RCPT)
        async with sending(store, host.address, concurrency=1) as out:
            mails = [await out.put(f"u{n}@firma.dk") for n in range(3)]
            await until(lambda: len(host.attempts) == 1)
            asyncio.get_running_loop().call_soon(host.hang_up)  # once the stop has begun: it waits for this attempt
        rows = [await out.row(mail) for mail in mails]
        assert [row.lease for row in rows] == [None] * 3
        assert sum(row.attempts for row in rows) == 1
        assert len(host.attempts) == 1


class GoneForAWhile:
    """A real database that cannot be reached for the next writes of one kind."""

    def __init__(self, database: Database, work: Any, times: int) -> None:
        self.database, self.work, self.times = database, work, times

    async def read(self, query: Any) -> Any:
        return await self.database.read(query)

    async def write(self, work: Any, item: Any) -> Any:
        if work is self.work and self.times > 0:
            self.times -= 1
            raise StoreUnavailableError("gone")
        return await self.database.write(work, item)


@pytest.mark.proves("database away", "no second copy")
@pytest.mark.parametrize("work", [queue.settle, queue.claim])
async def test_a_database_that_is_away_costs_neither_a_mail_nor_a_second_copy(store, work):
    gone = GoneForAWhile(store, work, times=1)
    async with Smarthost() as host, sending(gone, host.address) as out:
        mail = await out.put()
        await out.settled(mail, queue.SENT)
        assert gone.times == 0
        assert len(host.mails) == 1


async def test_a_clock_that_jumps_sends_nothing_twice(store):
    async with Smarthost() as host, sending(store, host.address) as out:
        host.behave("*", Fault.HANG_AT_RCPT, times=1)
        mail = await out.put()
        await until(lambda: len(host.attempts) == 1)
        await out.later(3600)
        await asyncio.sleep(0.3)
        assert len(host.attempts) == 1
        host.hang_up()
        await out.settled(mail, queue.QUEUED)


@pytest.mark.proves("nothing spins")
def test_pauses_grow_from_half_a_minute_to_four_hours():
    delays = [retry_delay(attempts, away=False, chance=0.0) for attempts in range(1, 13)]
    assert delays[:4] == [30, 60, 120, 240]
    assert delays[-1] == 4 * 3600
    assert retry_delay(1, away=False, chance=0.999) < 38
    assert retry_delay(10_000, away=False, chance=0.5) == 4 * 3600
    assert retry_delay(10_000, away=True, chance=0.5) == 900
