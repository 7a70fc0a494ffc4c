"""Who really sent a mail: signed mails, real DNS over loopback, and what attackers and faults make of both."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from gateway.dns import DnsResolver
from gateway.errors import Outcome, Refusal
from gateway.mail_auth import MailAuth
from gateway.model import AddressKind, Envelope, Listener, LocalAddress, Peer, Proof, ProofMethod
from gateway.settings import DnsSettings, TrustSettings
from tests.dns_server import DnsServer, Fault

KEY = "0123456789abcdef0123456789abcdef"
OURS = "sms.example.net"
TO_KEY = LocalAddress(AddressKind.KEY, KEY, f"{KEY}@{OURS}")
TO_NUMBER = LocalAddress(AddressKind.NUMBER, "4522976011", f"4522976011@{OURS}")
TO_SUBSCRIBE = LocalAddress(AddressKind.SUBSCRIBE, "subscribe", f"subscribe@{OURS}")
ANNA = "anna@firma.example"

SIGNED = ["from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"]

PROVEN_SENDER = pytest.mark.proves("proven sender")
REPLAY = pytest.mark.proves("signed mail again")
DKIM_RULES = pytest.mark.proves("proven sender")
DNS_DEAD = pytest.mark.proves("DNS dead")
HOSTILE = pytest.mark.proves("hostile input costs little", "hostile input stalls nobody")


# --- keys and mails ------------------------------------------------------------------------------------------------


def pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def rsa_record(key: RSAPrivateKey, tags: str = "v=DKIM1; k=rsa; ") -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"{tags}p={base64.b64encode(der).decode()}"


RSA = generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = Ed25519PrivateKey.generate()
ED25519_SEED = base64.b64encode(ED25519.private_bytes_raw())
ED25519_RECORD = f"v=DKIM1; k=ed25519; p={base64.b64encode(ED25519.public_key().public_bytes_raw()).decode()}"


def message(body: str | bytes = "Kommer du i morgen?\r\n", **headers: str | None) -> bytes:
    """A mail of Anna's; a header given as None is left out."""
    values: dict[str, str | None] = {
        "From": f"Anna <{ANNA}>",
        "To": f"{KEY}@{OURS}",
        "Subject": "+45 22 97 60 11",
        "Date": "Mon, 23 Nov 2026 10:00:00 +0100",
        "Message-ID": "<1@firma.example>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    }
    values.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"{name}: {value}\r\n" for name, value in values.items() if value is not None]
    return "".join(lines).encode() + b"\r\n" + (body.encode() if isinstance(body, str) else body)


def sign(
    content: bytes,
    *,
    domain: str = "firma.example",
    selector: str = "s1",
    key: bytes | None = None,
    algorithm: bytes = b"rsa-sha256",
    headers: Sequence[str] = SIGNED,
    **options: Any,
) -> bytes:
    """The mail with one more signature on top."""
    present = {
        line.partition(b":")[0].strip().lower().decode() for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    }
    signer = dkim.DKIM(content, signature_algorithm=algorithm, minkey=512)
    return bytes(
        signer.sign(
            selector.encode(),
            domain.encode(),
            key or pem(RSA),
            include_headers=[name.encode() for name in headers if name in present],
            **options,
        )
        + content
    )


def signature_with(content: bytes, **tags: str) -> bytes:
    """The mail signed with tags that dkimpy's signer does not write (x=, a future t=), put in before hashing."""

    class Signer(dkim.DKIM):  # type: ignore[misc]
        def gen_header(self, fields: list[Any], *args: Any, **kwargs: Any) -> bytes:
            fields[:] = [(name, tags.pop(name.decode(), value.decode()).encode()) for name, value in fields]
            fields[-1:-1] = [(name.encode(), value.encode()) for name, value in tags.items()]
            return bytes(super().gen_header(fields, *args, **kwargs))

    present = [name for name in SIGNED if f"\r\n{name}:".encode() in b"\r\n" + content.lower()]
    names = [name.encode() for name in present]
    return bytes(Signer(content).sign(b"s1", b"firma.example", pem(RSA), include_headers=names)) + content


def envelope(
    content: bytes,
    *,
    ip: str = "203.0.113.9",
    mail_from: str = "bounce@elsewhere.example",
    helo: str = "mx.elsewhere.example",
    login: str | None = None,
    listener: Listener = Listener.SMTP,
    recipients: tuple[LocalAddress, ...] = (TO_KEY,),
) -> Envelope:
    peer = Peer(ip=ip, port=1, helo=helo, listener=listener, login=login)
    return Envelope("id", peer, mail_from, recipients, content, time.time())


class World:
    """A DNS server with Anna's company in it, and the room under test in front of it."""

    def __init__(self, server: DnsServer, **settings: Any) -> None:
        self.dns = server
        self.resolver = DnsResolver(DnsSettings(servers=(server.address,), **settings))
        self.trust = TrustSettings()

    async def prove(self, mail: Envelope, from_address: str = ANNA, **trust: Any) -> Proof:
        auth = MailAuth(TrustSettings(**trust), self.resolver, (OURS,))
        return await auth.prove(mail, from_address)

    async def refusal(self, mail: Envelope, from_address: str = ANNA, **trust: Any) -> Refusal:
        with pytest.raises(Refusal) as caught:
            await self.prove(mail, from_address, **trust)
        return caught.value


@pytest.fixture
async def world() -> AsyncIterator[World]:
    zone = {
        "firma.example": {"TXT": ["v=spf1 ip4:127.0.0.1 ip6:::1 ip4:198.51.100.0/24 ~all"]},
        "s1._domainkey.firma.example": {"TXT": [rsa_record(RSA)]},
        "ed._domainkey.firma.example": {"TXT": [ED25519_RECORD]},
        "s1._domainkey.mail.firma.example": {"TXT": [rsa_record(RSA)]},
        "s1._domainkey.evil.example": {"TXT": [rsa_record(OTHER_RSA)]},
    }
    async with DnsServer(zone) as server:
        yield World(server)


# --- logins and trusted networks -----------------------------------------------------------------------------------


@PROVEN_SENDER
async def test_a_login_proves_its_own_address(world: World) -> None:
    proof = await world.prove(envelope(message(), login="Anna@Firma.Example"))
    assert (proof.method, proof.domain) == (ProofMethod.LOGIN, "firma.example")


@PROVEN_SENDER
async def test_a_login_does_not_prove_another_address_even_from_a_trusted_network(world: World) -> None:
    mail = envelope(sign(message()), login="bo@firma.example", ip="10.1.2.3")
    refusal = await world.refusal(mail, networks=(ipaddress.ip_network("10.0.0.0/8"),))
    assert (refusal.code, refusal.enhanced) == (550, "5.7.26")


@PROVEN_SENDER
@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "::ffff:10.0.0.0/104"),
        ("2001:db8::7", "2001:db8::/32"),
    ],
)
async def test_a_trusted_network_vouches(world: World, ip: str, network: str) -> None:
    proof = await world.prove(envelope(message(), ip=ip), networks=(ipaddress.ip_network(network),))
    assert proof.method is ProofMethod.TRUSTED
    assert world.dns.queries == []


@PROVEN_SENDER
@pytest.mark.parametrize("ip", ["11.0.0.1", "::ffff:11.0.0.1", "2001:db9::1", "unknown"])
async def test_an_address_outside_vouches_for_nobody(world: World, ip: str) -> None:
    networks = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))
    assert (await world.refusal(envelope(message(), ip=ip), networks=networks)).outcome is Outcome.PERMANENT


@PROVEN_SENDER
async def test_a_unix_socket_is_trusted_for_lmtp_only(world: World) -> None:
    local = await world.prove(envelope(message(), ip="", listener=Listener.LMTP))
    assert local.method is ProofMethod.TRUSTED
    assert (await world.refusal(envelope(message(), ip="", listener=Listener.SMTP))).code == 550


@PROVEN_SENDER
async def test_require_trusted_takes_no_signature(world: World) -> None:
    assert (await world.refusal(envelope(sign(message())), require="trusted")).enhanced == "5.7.26"


@PROVEN_SENDER
async def test_require_none_takes_anything(world: World) -> None:
    assert (await world.prove(envelope(message()), require="none")).method is ProofMethod.NONE


@PROVEN_SENDER
@pytest.mark.parametrize("address", ["anna", "anna@", "anna@[192.0.2.1]", "anna@-.example", "anna@a..b"])
async def test_an_address_without_a_domain_is_nobody(world: World, address: str) -> None:
    assert (await world.refusal(envelope(sign(message())), address)).code == 550


# --- DKIM: what proves ---------------------------------------------------------------------------------------------


@DKIM_RULES
@pytest.mark.parametrize("canonical", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", ["Hej\r\n", "", "\r\n\r\n", "a  b \t \r\n\r\n \r\n\r\n", "x\r\n" * 100_000])
async def test_a_signature_of_the_from_domain_proves(world: World, canonical: bytes, body: str) -> None:
    mail = sign(message(body), canonicalize=(canonical, canonical))
    proof = await world.prove(envelope(mail))
    assert (proof.method, proof.domain) == (ProofMethod.DKIM, "firma.example")
    assert "from,to,subject,date,message-id" in proof.detail


@DKIM_RULES
async def test_ed25519_proves(world: World) -> None:
    mail = sign(message(), selector="ed", key=ED25519_SEED, algorithm=b"ed25519-sha256")
    assert "ed25519-sha256" in (await world.prove(envelope(mail))).detail


@DKIM_RULES
async def test_a_subdomain_of_the_organisation_proves(world: World) -> None:
    assert (await world.prove(envelope(sign(message(), domain="mail.firma.example")))).domain == "mail.firma.example"


@pytest.mark.proves("DKIM: every signature")
@DKIM_RULES
async def test_an_aligned_signature_counts_beside_a_strangers(world: World) -> None:
    mail = sign(sign(message()), domain="evil.example", key=pem(OTHER_RSA))
    assert (await world.prove(envelope(mail))).domain == "firma.example"


@pytest.mark.proves("DKIM: every signature")
@DKIM_RULES
async def test_a_good_signature_counts_beside_broken_ones_of_the_same_domain(world: World) -> None:
    mail = sign(message())
    for _ in range(4):
        mail = sign(mail, key=pem(OTHER_RSA))
    mail = b"DKIM-Signature: nonsense\r\nDKIM-Signature: v=1; a=b; b=;;;\r\n" + mail
    assert (await world.prove(envelope(mail))).method is ProofMethod.DKIM


@DKIM_RULES
async def test_other_text_records_beside_the_key_do_not_matter(world: World) -> None:
    world.dns.put("s1._domainkey.firma.example", {"TXT": ["v=spf1 -all", "hello", rsa_record(RSA)]})
    assert (await world.prove(envelope(sign(message())))).method is ProofMethod.DKIM


@DKIM_RULES
async def test_a_key_behind_a_cname_and_too_long_for_udp(world: World) -> None:
    world.dns.put("s9._domainkey.firma.example", {"CNAME": ["keys.hoster.example."]})
    world.dns.put("keys.hoster.example", {"TXT": ["x" * 2000, rsa_record(RSA)]})
    assert (await world.prove(envelope(sign(message(), selector="s9")))).method is ProofMethod.DKIM
    assert [transport for _, _, transport in world.dns.queries if transport == "tcp"] == ["tcp"]


@DKIM_RULES
async def test_an_internationalised_domain_proves(world: World) -> None:
    world.dns.put("s1._domainkey.xn--bcher-kva.example", {"TXT": [rsa_record(RSA)]})
    mail = sign(message(From="Bo <bo@bücher.example>"), domain="xn--bcher-kva.example")
    assert (await world.prove(envelope(mail), "bo@bücher.example")).domain == "xn--bcher-kva.example"


# --- DKIM: what does not -------------------------------------------------------------------------------------------


@DKIM_RULES
async def test_one_bit_changed_anywhere_in_what_is_signed(world: World) -> None:
    mail = sign(message())
    for needle in (b"Kommer", b"22 97", b"Anna", b"23 Nov", b"<1@", KEY.encode()):
        at = mail.rindex(needle)
        flipped = mail[:at] + bytes([mail[at] ^ 1]) + mail[at + 1 :]
        assert (await world.refusal(envelope(flipped))).code == 550


@pytest.mark.proves("DKIM: l=")
@DKIM_RULES
async def test_a_length_tag_is_refused_with_and_without_appended_text(world: World) -> None:
    mail = sign(message(), length=True)
    assert dkim.verify(mail + b"More\r\n", dnsfunc=lambda *_a, **_k: rsa_record(RSA).encode())
    for content in (mail, mail + b"More\r\n"):
        assert "l=" in (await world.refusal(envelope(content))).public_text


@pytest.mark.proves("DKIM: sha1")
@DKIM_RULES
async def test_sha1_is_refused(world: World) -> None:
    refusal = await world.refusal(envelope(sign(message(), algorithm=b"rsa-sha1")))
    assert "outdated" in refusal.public_text


def der_integers(*numbers: int) -> bytes:
    """An ASN.1 SEQUENCE of INTEGERs, as RSA keys are written (RFC 8017 appendix A.1)."""

    def tagged(tag: int, data: bytes) -> bytes:
        size = len(data)
        length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
        return bytes([tag]) + length + data

    return tagged(0x30, b"".join(tagged(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers))


def small_rsa() -> tuple[bytes, str]:
    """A genuine RSA key of 512 bits: PEM, and its DNS record."""
    p, q = 2**256 - 189, 2**255 - 19
    n, e = p * q, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    private = der_integers(0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    public = der_integers(n, e)
    text = b"-----BEGIN RSA PRIVATE KEY-----\n" + base64.b64encode(private) + b"\n-----END RSA PRIVATE KEY-----\n"
    return text, f"v=DKIM1; p={base64.b64encode(public).decode()}"


@pytest.mark.proves("DKIM: short key")
@DKIM_RULES
async def test_a_512_bit_key_is_refused(world: World) -> None:
    key, record = small_rsa()
    world.dns.put("small._domainkey.firma.example", {"TXT": [record]})
    mail = sign(message(), selector="small", key=key)
    assert dkim.verify(mail, dnsfunc=lambda *_a, **_k: record.encode(), minkey=500)
    assert "511 bits" in (await world.refusal(envelope(mail))).public_text


@DKIM_RULES
async def test_1024_bits_are_enough(world: World) -> None:
    key = generate_private_key(public_exponent=65537, key_size=1024)
    world.dns.put("s3._domainkey.firma.example", {"TXT": [rsa_record(key)]})
    assert (await world.prove(envelope(sign(message(), selector="s3", key=pem(key))))).method is ProofMethod.DKIM


@pytest.mark.proves("DKIM: aligned domain")
@DKIM_RULES
@pytest.mark.parametrize(
    "domain", ["evil.example", "firma.example.evil.example", "evilfirma.example", "example", "firmaexample"]
)
async def test_a_strangers_genuine_signature_proves_nothing(world: World, domain: str) -> None:
    world.dns.put(f"s1._domainkey.{domain}", {"TXT": [rsa_record(RSA)]})
    refusal = await world.refusal(envelope(sign(message(), domain=domain)))
    assert "no signature of firma.example" in refusal.public_text


@pytest.mark.proves("DKIM: aligned domain")
@DKIM_RULES
async def test_a_public_suffix_signs_for_nobody_below_it(world: World) -> None:
    world.dns.put("s1._domainkey.co.uk", {"TXT": [rsa_record(RSA)]})
    mail = sign(message(From="bo@firma.co.uk"), domain="co.uk")
    assert (await world.refusal(envelope(mail), "bo@firma.co.uk")).code == 550


@DKIM_RULES
@pytest.mark.parametrize("shift", [-7200, -86400 * 30])
async def test_an_expired_signature_proves_nothing(world: World, shift: int) -> None:
    expired = int(time.time()) + shift
    mail = signature_with(message(), t=str(expired - 60), x=str(expired))
    assert "expired" in (await world.refusal(envelope(mail))).public_text


@DKIM_RULES
async def test_a_signature_from_the_future_proves_nothing(world: World) -> None:
    mail = signature_with(message(), t=str(int(time.time()) + 7200))
    assert "future" in (await world.refusal(envelope(mail))).public_text


@DKIM_RULES
async def test_a_signature_in_its_time_proves(world: World) -> None:
    now = int(time.time())
    mail = signature_with(message(), t=str(now - 60), x=str(now + 7200))
    assert (await world.prove(envelope(mail))).method is ProofMethod.DKIM


@DKIM_RULES
@pytest.mark.parametrize(
    ("record", "why"),
    [
        (rsa_record(RSA, "v=DKIM1; t=y; "), "test mode"),
        (rsa_record(RSA, "v=DKIM1; t=s:y; "), "test mode"),
        (rsa_record(RSA, "v=DKIM1; s=tlsrpt; "), "not for mail"),
        (rsa_record(RSA, "v=DKIM1; h=sha1; "), "not for mail"),
        (rsa_record(RSA, "v=DKIM1; k=ed25519; "), "another kind"),
        (rsa_record(RSA, "v=DKIM2; "), "not published"),
        (rsa_record(OTHER_RSA), "does not match"),
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; p=AAAA", "cannot be read"),
        ("v=DKIM1; p=!!!!", "cannot be read"),
        ("v=DKIM1; k=rsa", "not published"),
        ("", "not published"),
    ],
)
async def test_a_key_that_does_not_allow_it(world: World, record: str, why: str) -> None:
    world.dns.put("s1._domainkey.firma.example", {"TXT": [record]})
    assert why in (await world.refusal(envelope(sign(message())))).public_text


@DKIM_RULES
async def test_a_key_that_forbids_subdomains_is_obeyed(world: World) -> None:
    world.dns.put("s1._domainkey.firma.example", {"TXT": [rsa_record(RSA, "v=DKIM1; t=s; ")]})
    assert (await world.prove(envelope(sign(message())))).method is ProofMethod.DKIM
    refusal = await world.refusal(envelope(sign(message(), identity=b"anna@mail.firma.example")))
    assert "subdomains" in refusal.public_text


@PROVEN_SENDER
@pytest.mark.parametrize("record", ["v=DMARC1; p=none; adkim=s", "v=DMARC1;p=reject;sp=none; aspf=r ;adkim=S"])
async def test_strict_alignment_is_obeyed(world: World, record: str) -> None:
    world.dns.put("_dmarc.firma.example", {"TXT": ["unrelated", record]})
    refusal = await world.refusal(envelope(sign(message(), domain="mail.firma.example")))
    assert "exactly its own domain" in refusal.public_text
    assert (await world.prove(envelope(sign(message())))).method is ProofMethod.DKIM


@PROVEN_SENDER
async def test_the_organisations_dmarc_record_holds_for_its_subdomains(world: World) -> None:
    world.dns.put("_dmarc.firma.example", {"TXT": ["v=DMARC1; p=none; adkim=s"]})
    mail = envelope(sign(message(From="anna@salg.firma.example")))
    assert "exactly" in (await world.refusal(mail, "anna@salg.firma.example")).public_text


# --- replayed and altered mails ------------------------------------------------------------------------------------


@REPLAY
@pytest.mark.parametrize("left_out", ["to", "subject", "date", "message-id"])
async def test_a_signature_that_leaves_a_deciding_header_open(world: World, left_out: str) -> None:
    mail = sign(message(), headers=[name for name in SIGNED if name != left_out])
    assert "does not cover" in (await world.refusal(envelope(mail))).public_text


@REPLAY
@pytest.mark.parametrize(
    "added",
    [
        b"Subject: +45 90 12 34 56\r\n",
        b"Cc: 4590123456@sms.example.net\r\n",
        b"In-Reply-To: <thread@sms.example.net>\r\n",
        b"References: <thread@sms.example.net>\r\n",
        b"Message-ID: <2@firma.example>\r\n",
        b"To: 4590123456@sms.example.net\r\n",
        b"From: Anna <anna@firma.example>\r\n",
        b"X-Note: a\rSubject: +45 90 12 34 56\r\n",
        b"X-Note: a\nSubject: +45 90 12 34 56\r\n",
        b"Subject : +45 90 12 34 56\r\n",
        b"X-Note: a\x00\r\n",
        b"no colon here\r\n",
    ],
)
@pytest.mark.parametrize("on_top", [True, False])
async def test_a_header_added_to_a_signed_mail(world: World, added: bytes, on_top: bool) -> None:
    mail = sign(message(), canonicalize=(b"relaxed", b"relaxed"))
    altered = added + mail if on_top else mail.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1)
    assert (await world.refusal(envelope(altered))).code == 550


@REPLAY
async def test_a_header_that_decides_nothing_may_be_added_on_the_way(world: World) -> None:
    mail = b"Received: from a by b; now\r\nX-Spam: no\r\n" + sign(message())
    assert (await world.prove(envelope(mail))).method is ProofMethod.DKIM


@REPLAY
async def test_a_mail_signed_for_somebody_else_is_not_for_us(world: World) -> None:
    refusal = await world.refusal(envelope(sign(message(To="list@elsewhere.example"))))
    assert "name no address of this server" in refusal.public_text


@REPLAY
async def test_our_address_as_a_display_name_or_comment_is_not_an_address(world: World) -> None:
    for to in (f'"{KEY}@{OURS}" <evil@evil.example>', f"evil@evil.example ({KEY}@{OURS})"):
        assert "name no address" in (await world.refusal(envelope(sign(message(To=to))))).public_text


@REPLAY
@pytest.mark.parametrize("added", [TO_NUMBER, TO_SUBSCRIBE])
async def test_a_recipient_that_the_signer_never_wrote(world: World, added: LocalAddress) -> None:
    refusal = await world.refusal(envelope(sign(message()), recipients=(TO_KEY, added)))
    assert "every recipient" in refusal.public_text


@REPLAY
async def test_the_recipients_that_the_signer_wrote(world: World) -> None:
    mail = sign(message(To=f'SMS <{TO_KEY.address.upper()}>,\r\n "Bo, Jr" <4522976011@{OURS}>', Cc=f"subscribe@{OURS}"))
    proof = await world.prove(envelope(mail, recipients=(TO_NUMBER, TO_KEY, TO_SUBSCRIBE)))
    assert proof.method is ProofMethod.DKIM


# --- SPF -----------------------------------------------------------------------------------------------------------


@PROVEN_SENDER
@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "198.51.100.77"])
async def test_an_aligned_spf_pass_proves(world: World, ip: str) -> None:
    proof = await world.prove(envelope(message(), ip=ip, mail_from=ANNA))
    assert (proof.method, proof.domain) == (ProofMethod.SPF, "firma.example")


@PROVEN_SENDER
async def test_spf_stands_in_where_the_signature_leaves_to_open_or_the_key_is_in_bcc(world: World) -> None:
    mail = envelope(sign(message(), headers=["from", "subject"]), ip="127.0.0.1", mail_from=ANNA)
    assert (await world.prove(mail)).method is ProofMethod.SPF
    bcc = envelope(sign(message(To="undisclosed-recipients:;")), ip="127.0.0.1", mail_from=ANNA)
    assert (await world.prove(bcc)).method is ProofMethod.SPF


@PROVEN_SENDER
@pytest.mark.parametrize(
    ("policy", "result"),
    [
        ("v=spf1 -all", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1 ?ip4:127.0.0.1 -all", "neutral"),
        ("v=spf1 include:nowhere.example", "permerror"),
        ("no policy", "none"),
        ("v=spf1 " + " ".join(f"a:a{n}.firma.example" for n in range(11)) + " +all", "permerror"),
        ("v=spf1 a:void1.example a:void2.example a:void3.example +all", "permerror"),
    ],
)
async def test_nothing_but_pass_is_a_proof(world: World, policy: str, result: str) -> None:
    for number in range(11):
        world.dns.put(f"a{number}.firma.example", {"A": ["192.0.2.1"]})
    world.dns.put("firma.example", {"TXT": [policy]})
    refusal = await world.refusal(envelope(message(), ip="127.0.0.1", mail_from=ANNA))
    assert (refusal.code, refusal.enhanced) == (550, "5.7.26")
    assert f"SPF: {result} for firma.example" in refusal.public_text


@PROVEN_SENDER
@pytest.mark.parametrize("mail_from", ["x@evil.example", "x@firma.example.evil.example", "x@evilfirma.example"])
async def test_a_misaligned_pass_is_not_a_proof(world: World, mail_from: str) -> None:
    world.dns.put(mail_from[2:], {"TXT": ["v=spf1 +all"]})
    assert (await world.refusal(envelope(message(), mail_from=mail_from))).code == 550


@PROVEN_SENDER
async def test_the_null_sender_is_checked_by_helo(world: World) -> None:
    world.dns.put("mx.firma.example", {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    mail = envelope(message(), ip="127.0.0.1", mail_from="", helo="mx.firma.example")
    assert "HELO" in (await world.prove(mail)).detail
    forged = envelope(message(), ip="127.0.0.2", mail_from="", helo="mx.firma.example")
    assert (await world.refusal(forged)).code == 550
    beside = envelope(message(), ip="127.0.0.1", mail_from="x@evil.example", helo="mx.firma.example")
    assert (await world.refusal(beside)).code == 550


@PROVEN_SENDER
async def test_strict_spf_alignment_is_obeyed(world: World) -> None:
    world.dns.put("bounce.firma.example", {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]})
    mail = envelope(message(), ip="127.0.0.1", mail_from="x@bounce.firma.example")
    assert (await world.prove(mail)).domain == "bounce.firma.example"
    async with DnsServer(
        {
            "bounce.firma.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
            "_dmarc.firma.example": {"TXT": ["v=DMARC1; p=none; aspf=s"]},
        }
    ) as strict:
        assert "exactly" in (await World(strict).refusal(mail)).public_text


@PROVEN_SENDER
async def test_the_refusal_tells_the_sender_what_was_tried(world: World) -> None:
    refusal = await world.refusal(envelope(message(), ip="127.9.9.9", mail_from=ANNA))
    assert "no signature of firma.example" in refusal.public_text
    assert "SPF: softfail" in refusal.public_text
    assert KEY not in refusal.smtp_reply
    assert len(refusal.smtp_reply) <= 510


# --- DNS that fails ------------------------------------------------------------------------------------------------


@DNS_DEAD
@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.SERVFAIL, Fault.REFUSED, Fault.GARBAGE])
async def test_dead_dns_is_temporary(world: World, fault: Fault) -> None:
    world.dns.misbehave("*", fault)
    world = World(world.dns, timeout=0.3)
    for mail in (envelope(sign(message())), envelope(message(), ip="127.0.0.1", mail_from=ANNA)):
        refusal = await world.refusal(mail)
        assert (refusal.code, refusal.enhanced) == (451, "4.4.3")


@DNS_DEAD
async def test_no_dns_server_at_all_is_temporary() -> None:
    async with DnsServer() as server:
        pass
    assert (await World(server, timeout=0.3).refusal(envelope(sign(message())))).code == 451


@DNS_DEAD
async def test_dead_dns_that_could_not_change_the_answer_is_a_definite_no(world: World) -> None:
    world.dns.misbehave("*", Fault.SERVFAIL)
    tampered = sign(message()).replace(b"Kommer", b"kommer")
    unsigned = message()
    stranger = sign(message(), domain="evil.example")
    for content in (tampered, unsigned, stranger):
        assert (await world.refusal(envelope(content))).code == 550


@DNS_DEAD
async def test_a_dead_dmarc_record_matters_only_where_alignment_is_relaxed(world: World) -> None:
    world.dns.misbehave("_dmarc.firma.example", Fault.SERVFAIL)
    assert (await world.prove(envelope(sign(message())))).method is ProofMethod.DKIM
    assert (await world.refusal(envelope(sign(message(), domain="mail.firma.example")))).code == 451


@DNS_DEAD
async def test_spf_proves_while_the_key_server_is_dead(world: World) -> None:
    world.dns.misbehave("s1._domainkey.firma.example", Fault.SERVFAIL)
    proof = await world.prove(envelope(sign(message()), ip="127.0.0.1", mail_from=ANNA))
    assert proof.method is ProofMethod.SPF


@DNS_DEAD
@pytest.mark.parametrize("fault", [Fault.TRUNCATE, Fault.WRONG_ID])
async def test_dns_faults_that_can_be_overcome(world: World, fault: Fault) -> None:
    world.dns.misbehave("*", fault)
    assert (await world.prove(envelope(sign(message())))).method is ProofMethod.DKIM


# --- ARC -----------------------------------------------------------------------------------------------------------


def sealed(content: bytes, results: str, *, domain: str = "sealer.example", key: RSAPrivateKey = OTHER_RSA) -> bytes:
    """The mail as a forwarder passes it on, with one more ARC set."""
    content = f"Authentication-Results: {domain}; {results}\r\n".encode() + content
    fields = dkim.arc_sign(
        content, b"arc", domain.encode(), pem(key), domain.encode(), include_headers=[name.encode() for name in SIGNED]
    )
    return b"".join(fields) + content


SAW_DKIM = "arc=none; dkim=pass header.d=firma.example; spf=fail smtp.mailfrom=evil.example"
ARC_ON = {"arc_sealers": ("Sealer.example",)}


@pytest.fixture
async def arc_world(world: World) -> World:
    world.dns.put("arc._domainkey.sealer.example", {"TXT": [rsa_record(OTHER_RSA)]})
    world.dns.put("arc._domainkey.second.example", {"TXT": [rsa_record(RSA)]})
    return world


@PROVEN_SENDER
@pytest.mark.parametrize(
    "results",
    [
        SAW_DKIM,
        "arc=none; spf=pass smtp.mailfrom=anna@firma.example",
        "arc=none; dmarc=pass action=none header.from=firma.example",
        "arc=none; dkim=pass (good key) header.i=@firma.example",
    ],
)
async def test_a_trusted_sealer_vouches(arc_world: World, results: str) -> None:
    proof = await arc_world.prove(envelope(sealed(message(), results)), **ARC_ON)
    assert (proof.method, proof.domain) == (ProofMethod.ARC, "firma.example")


@PROVEN_SENDER
@pytest.mark.parametrize(
    "results",
    [
        "arc=none; dkim=fail header.d=firma.example",
        "arc=none; dkim=pass header.d=evil.example",
        "arc=none; dmarc=pass header.from=mail.firma.example",
        "arc=none; spf=softfail smtp.mailfrom=firma.example",
        "arc=none",
    ],
)
async def test_a_trusted_sealer_that_saw_no_proof(arc_world: World, results: str) -> None:
    assert (await arc_world.refusal(envelope(sealed(message(), results)), **ARC_ON)).code == 550


@PROVEN_SENDER
async def test_arc_is_off_by_default_and_for_strangers(arc_world: World) -> None:
    mail = envelope(sealed(message(), SAW_DKIM))
    assert (await arc_world.refusal(mail)).code == 550
    assert (await arc_world.refusal(mail, arc_sealers=("other.example",))).code == 550


@PROVEN_SENDER
async def test_a_broken_chain_vouches_for_nothing(arc_world: World) -> None:
    mail = sealed(message(), SAW_DKIM)
    breaks = [
        (b"Kommer", b"kommer"),
        (b"22 97", b"90 97"),
        (b"dkim=pass header.d=firma", b"dkim=pass header.d=kirma"),
        (b"cv=none", b"cv=pass"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=2"),
        (b"ARC-Authentication-Results: i=1; ", b"ARC-Authentication-Results: i=1;  x; "),
    ]
    for old, new in breaks:
        assert old in mail
        assert (await arc_world.refusal(envelope(mail.replace(old, new)), **ARC_ON)).code == 550


@PROVEN_SENDER
async def test_only_an_unbroken_run_of_trusted_sealers_counts(arc_world: World) -> None:
    first = sealed(message(), SAW_DKIM)
    second = sealed(first, "arc=pass; dkim=fail header.d=firma.example", domain="second.example", key=RSA)
    both = ("sealer.example", "second.example")
    assert (await arc_world.prove(envelope(second), arc_sealers=both)).method is ProofMethod.ARC
    for sealers in (("sealer.example",), ("second.example",)):
        assert (await arc_world.refusal(envelope(second), arc_sealers=sealers)).code == 550


@REPLAY
async def test_a_sealed_mail_for_somebody_else_is_not_for_us(arc_world: World) -> None:
    mail = envelope(sealed(message(To="list@elsewhere.example"), SAW_DKIM))
    assert "name no address" in (await arc_world.refusal(mail, **ARC_ON)).public_text


@DNS_DEAD
async def test_a_dead_key_server_of_a_sealer_is_temporary(arc_world: World) -> None:
    arc_world.dns.misbehave("arc._domainkey.sealer.example", Fault.SERVFAIL)
    assert (await arc_world.refusal(envelope(sealed(message(), SAW_DKIM)), **ARC_ON)).code == 451


# --- hostile mails -------------------------------------------------------------------------------------------------


async def longest_stall(work: asyncio.Task[Any]) -> float:
    """The longest time that the loop did not run while `work` did, seconds."""
    longest, last = 0.0, time.perf_counter()
    while not work.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


MEGABYTES = {
    "lines": b"Hej med dig, kommer du?  \r\n" * 370_000,
    "spaces": b" " * 10_000_000 + b"x\r\n",
    "spaced letters": b"a " * 5_000_000 + b"\r\n",
    "empty lines": b"\r\n" * 5_000_000,
    "bare returns": b"\r" * 9_000_000 + b"\n\r\n",
}


@pytest.mark.stopwatch
@HOSTILE
@pytest.mark.parametrize("body", MEGABYTES.values(), ids=MEGABYTES.keys())
async def test_ten_megabytes_with_ten_signatures_are_hashed_beside_the_loop(world: World, body: bytes) -> None:
    mail = message(body)
    tags = "v=1; a=rsa-sha256; d=firma.example; s=s1; h=From:To:Subject:Date:Message-ID; bh=AAAA; b=AAAA"
    forged = [f"DKIM-Signature: {tags}; c={c}/{c}\r\n".encode() for c in ("relaxed", "simple")] * 5
    mail = b"".join(forged) + mail
    stalls = []
    for _ in range(3):
        started = time.process_time()
        work = asyncio.create_task(world.refusal(envelope(mail)))
        stalls.append(await longest_stall(work))
        assert (await work).code == 550
        assert time.process_time() - started < 1
        if stalls[-1] < 0.05:
            break
    assert min(stalls) < 0.05


@pytest.mark.stopwatch
@HOSTILE
@pytest.mark.parametrize(
    "header",
    [
        b"DKIM-Signature: v=1; a=rsa-sha256; d=firma.example; s=s1; h=from; bh=AAAA; b=" + b" " * 200_000 + b"!\r\n",
        b"DKIM-Signature: v=1;" + b" b \t" * 2_000 + b"\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=firma.example; s=s1; bh=AAAA; b=AAAA; h=" + b"from:" * 1_000 + b"\r\n",
        b"DKIM-Signature: " + b";" * 8_000 + b"\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; t=" + b"9" * 5_000 + b"; d=a; s=b; h=from; bh=AAAA; b=AAAA\r\n",
        b"To: " + b"(" * 200_000 + b"\r\n",
        b"To: " + b'"' * 200_001 + b"\r\n",
        b"X: y\r\n" * 40_000,
        b"X: " + b"y" * 5_000_000 + b"\r\n",
    ],
    ids=range(9),
)
async def test_hostile_headers_cost_little(world: World, header: bytes) -> None:
    started = time.process_time()
    assert (await world.refusal(envelope(header + message()), **ARC_ON)).code == 550
    assert time.process_time() - started < 1


@pytest.mark.stopwatch
@HOSTILE
@pytest.mark.parametrize("domain", ["firma.example", "evil.example"])
async def test_a_thousand_signatures_beside_a_huge_to(world: World, domain: str) -> None:
    forged = f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=s; h=from:from; bh=AAAA; b=AAAA\r\n".encode() * 900
    mail = envelope(forged + message(To=",".join(f"{number}@{OURS}" for number in range(9_000))))
    stalls = []
    for _ in range(3):
        started = time.process_time()
        work = asyncio.create_task(world.refusal(mail, **ARC_ON))
        stalls.append(await longest_stall(work))
        assert (await work).code == 550
        assert time.process_time() - started < 1
    assert min(stalls) < 0.05


@HOSTILE
async def test_a_hundred_aligned_signatures_cost_ten_key_lookups(world: World) -> None:
    tags = "v=1; a=rsa-sha256; d=firma.example; h=From:To:Subject:Date:Message-ID; bh=AAAA; b=AAAA"
    forged = [f"DKIM-Signature: {tags}; s=k{number}\r\n".encode() for number in range(100)]
    assert (await world.refusal(envelope(b"".join(forged) + message()))).code == 550
    assert len(world.dns.queries) == 10


@pytest.mark.stopwatch
@HOSTILE
async def test_a_key_with_a_huge_exponent_is_not_computed_with(world: World) -> None:
    public = der_integers(2**16000 + 1, 2**15000 + 1)
    record = f"v=DKIM1; p={base64.b64encode(public).decode()}"
    world.dns.put("s1._domainkey.firma.example", {"TXT": [record]})
    started = time.process_time()
    assert "key" in (await world.refusal(envelope(sign(message())))).public_text
    assert time.process_time() - started < 1
