"""Who is believed by a gateway that trusts no network: DKIM and SPF by real DNS, and what becomes of everybody else."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import smtplib
import threading
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tests.dns_server import DnsServer, Fault
from tests.gateway_process import DOMAIN, Gateway, mail

SELECTOR = "s1"
SIGNING_KEY = generate_private_key(public_exponent=65537, key_size=2048)
SIGNED = [b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references", b"content-type"]


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsServer]:
    """The DNS server, in a thread of its own."""
    loop, server = asyncio.new_event_loop(), DnsServer()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, dns: DnsServer) -> Iterator[Gateway]:
    toml = f'[dns]\nservers = ["{dns.address}"]\ntimeout = 1\n'
    with Gateway(tmp_path_factory.mktemp("gateway"), toml, trusted=False) as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    """A key whose accounts are all at firm.example."""
    made = gateway.key()
    gateway.account(made)
    return made


@pytest.fixture
def firm(dns: DnsServer, gateway: Gateway, key: str) -> str:
    """The mail domain of a branch that has an account under the key, and nothing in DNS yet."""
    domain = f"branch-{secrets.token_hex(4)}.firm.example"
    gateway.account(key, f"anna@{domain}")
    return domain


def signs(dns: DnsServer, domain: str) -> None:
    """Publish the key that `signed` signs with."""
    der = SIGNING_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    dns.put(f"{SELECTOR}._domainkey.{domain}", {"TXT": [record]})


def signed(made: EmailMessage, domain: str) -> bytes:
    content = made.as_bytes(policy=policy.SMTP)
    pem = SIGNING_KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    present = [name for name in SIGNED if made[name.decode()] is not None]
    signature: bytes = dkim.sign(content, SELECTOR.encode(), domain.encode(), pem, include_headers=present)
    return signature + content


def refusal(gateway: Gateway, content: EmailMessage | bytes, to: str, sender: str) -> tuple[int, str]:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        gateway.send(content, [to], sender)
    return refused.value.smtp_code, refused.value.smtp_error.decode()


def proof(gateway: Gateway, phone: str) -> str:
    """Who vouched for the mail that this phone got, the last one that was accepted."""
    assert len(gateway.sms(phone)) == 1
    return str(gateway.events("mail-accepted")[-1]["proof"])


@pytest.mark.proves("X1", "proven sender")
def test_a_signed_mail_is_accepted_whoever_brings_it(gateway: Gateway, dns: DnsServer, key: str, firm: str):
    signs(dns, firm)
    made = mail(f"{key}@{DOMAIN}", "30671001", "DKIM", f"Anna <anna@{firm}>")
    gateway.send(signed(made, firm), [f"{key}@{DOMAIN}"], "forwarder@elsewhere.example")
    assert proof(gateway, "+4530671001") == "dkim"


@pytest.mark.proves("X1", "proven sender")
def test_a_changed_mail_is_refused(gateway: Gateway, dns: DnsServer, key: str, firm: str):
    signs(dns, firm)
    content = signed(mail(f"{key}@{DOMAIN}", "30671002", "Overfør 100 kr", f"anna@{firm}"), firm)
    changed = content.replace(b"100 kr", b"900 kr")
    assert changed != content
    code, said = refusal(gateway, changed, f"{key}@{DOMAIN}", "forwarder@elsewhere.example")
    assert (code, said[:6]) == (550, "5.7.26")
    assert gateway.phone("+4530671002") == []


@pytest.mark.proves("X1", "proven sender")
def test_spf_for_the_senders_own_server_is_accepted(gateway: Gateway, dns: DnsServer, key: str, firm: str):
    dns.put(firm, {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    gateway.send(mail(f"{key}@{DOMAIN}", "30671003", "SPF", f"anna@{firm}"), sender=f"anna@{firm}")
    assert proof(gateway, "+4530671003") == "spf"


@pytest.mark.proves("X1", "proven sender")
@pytest.mark.parametrize("record", ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 ~all", None])
def test_neither_is_refused_in_words(gateway: Gateway, dns: DnsServer, key: str, firm: str, record: str | None):
    if record:
        dns.put(firm, {"TXT": [record]})
    made = mail(f"{key}@{DOMAIN}", "30671004", "hej", f"anna@{firm}")
    code, said = refusal(gateway, made, f"{key}@{DOMAIN}", f"anna@{firm}")
    assert (code, said[:6]) == (550, "5.7.26")
    assert "SPF" in said
    assert "DKIM" in said
    assert "sign in" in said
    assert key not in said
    assert gateway.phone("+4530671004") == []


@pytest.mark.proves("DNS dead")
@pytest.mark.parametrize(("fault", "phone"), [(Fault.TIMEOUT, "30671007"), (Fault.SERVFAIL, "30671008")])
def test_while_dns_is_dead_nothing_is_decided(
    gateway: Gateway, dns: DnsServer, key: str, firm: str, fault: Fault, phone: str
):
    dns.put(firm, {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    dns.misbehave("*", fault)
    made = mail(f"{key}@{DOMAIN}", phone, "trace", f"anna@{firm}")
    try:
        code, said = refusal(gateway, made, f"{key}@{DOMAIN}", f"anna@{firm}")
    finally:
        dns.misbehave("*", None)
    assert (code, said[:5]) == (451, "4.4.3")
    assert "try again" in said
    gateway.send(made, sender=f"anna@{firm}")
    assert proof(gateway, f"+45{phone}") == "spf"


@pytest.mark.proves("key is not enough")
def test_a_leaked_key_is_useless_to_a_proven_stranger(gateway: Gateway, dns: DnsServer, key: str):
    evil = f"evil-{secrets.token_hex(4)}.example"
    dns.put(evil, {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    eve = f"eve@{evil}"
    code, said = refusal(gateway, mail(f"{key}@{DOMAIN}", "30671006", "hej", eve), f"{key}@{DOMAIN}", eve)
    assert (code, said[:5]) == (550, "5.7.1")
    assert "no account for this address" in said
    code, said = refusal(gateway, mail(f"subscribe@{DOMAIN}", key, "", eve), f"subscribe@{DOMAIN}", eve)
    assert (code, said[:5]) == (550, "5.7.1")
    assert "ask your administrator" in said
    pretending = mail(f"{key}@{DOMAIN}", "30671006", "hej", "Anna <anna@firm.example>")
    code, said = refusal(gateway, pretending, f"{key}@{DOMAIN}", eve)
    assert (code, said[:6]) == (550, "5.7.26")
    assert gateway.phone("+4530671006") == []


@pytest.mark.proves("unknown or not yours")
def test_who_is_proven_and_no_colleague_does_not_learn_which_keys_there_are(
    gateway: Gateway, dns: DnsServer, key: str, firm: str
):
    evil = f"evil-{secrets.token_hex(4)}.example"
    dns.put(evil, {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    eve, paused = f"eve@{evil}", gateway.key("Paused A/S")
    gateway.run("key", "pause", paused)
    for role in ("subscribe", "unsubscribe"):
        to = f"{role}@{DOMAIN}"
        said = {
            word: refusal(gateway, mail(to, "hej" if word == "none" else word, "", eve), to, eve)
            for word in (key, paused, secrets.token_hex(16), "none")
        }
        if role == "unsubscribe":
            said.pop("none")  # asks for a key, whoever asks
        assert len(set(said.values())) == 1, said


@pytest.mark.proves("D5", "proven sender")
def test_colleagues_subscribe_from_outside_once_they_are_proven(gateway: Gateway, dns: DnsServer, key: str):
    domain = f"office-{secrets.token_hex(4)}.firm.example"
    bo = f"bo@{domain}"
    request = mail(f"subscribe@{DOMAIN}", key, "", bo)
    code, _ = refusal(gateway, request, f"subscribe@{DOMAIN}", bo)
    assert code == 550
    dns.put(f"n{domain}", {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    cleo = f"cleo@n{domain}"
    gateway.send(mail(f"subscribe@{DOMAIN}", key, "", cleo), sender=cleo)
    (welcome,) = gateway.mails(to=cleo)
    assert re.search(r"\+45 \d{12}", welcome.get_body(("plain",)).get_content())


@pytest.mark.proves("D5", "proven sender")
def test_the_first_subscriber_makes_a_new_key_their_domains(gateway: Gateway, dns: DnsServer):
    fresh = gateway.key("Nyt A/S")
    ours, others = (f"{name}-{secrets.token_hex(4)}.example" for name in ("ours", "others"))
    for domain in (ours, others):
        dns.put(domain, {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    gateway.send(mail(f"subscribe@{DOMAIN}", fresh, "", f"a@{ours}"), sender=f"a@{ours}")
    assert gateway.run("key", "domains", fresh) == ours
    request = mail(f"subscribe@{DOMAIN}", fresh, "", f"b@{others}")
    code, said = refusal(gateway, request, f"subscribe@{DOMAIN}", f"b@{others}")
    assert (code, "mail domain" in said) == (550, True)
    gateway.run("key", "domains", fresh, ours, others)
    gateway.send(request, sender=f"b@{others}")
    assert gateway.mails(to=f"b@{others}")


@pytest.mark.proves("no bounce to strangers")
def test_refusals_happen_at_smtp_and_leave_no_mail(gateway: Gateway, dns: DnsServer, key: str, firm: str):
    before = len(gateway.inbox_mails())
    forged = mail(f"{key}@{DOMAIN}", "123", "hej", "victim@victim.example")
    code, _ = refusal(gateway, forged, f"{key}@{DOMAIN}", "victim@victim.example")
    assert code == 550
    signs(dns, firm)
    made = mail(f"{key}@{DOMAIN}", "30671009", "bagefter", f"anna@{firm}")
    gateway.send(signed(made, firm), [f"{key}@{DOMAIN}"])
    gateway.sms("+4530671009")
    assert len(gateway.inbox_mails()) == before
