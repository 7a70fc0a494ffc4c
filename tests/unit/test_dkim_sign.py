"""Our signatures, checked by dkimpy: whatever a mail looks like, as long as it could leave by SMTP."""

from __future__ import annotations

import base64
import time

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.dkim_sign import Signer, SigningKey

pytestmark = pytest.mark.proves("DKIM: our signature")

NOW = time.time()  # verifiers read the machine's clock
RSA, ED = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
SIGNER = Signer("sms.example.com", [SigningKey("r", "rsa-sha256", RSA), SigningKey("e", "ed25519-sha256", ED)])
SPKI = RSA.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
RECORDS = {
    b"r._domainkey.sms.example.com.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(SPKI),
    b"e._domainkey.sms.example.com.": b"v=DKIM1; k=ed25519; p=" + base64.b64encode(ED.public_key().public_bytes_raw()),
}
HEADER = b"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nFrom: a@sms.example.com\r\nTo: b@firma.dk\r\n"

SEPARATOR = "\r\n x"
pieces = st.lists(st.sampled_from([b" ", b"\t", b"a", b"\xc3\xa6", b".", b"=", b"\r\n"]), max_size=40)
words = st.text(st.sampled_from("aB:;= \tæ."), max_size=20)
names = st.sampled_from(["Subject", "To", "X-Other", "References", "from", "Content-Type", "Reply-To"])


def verify(content: bytes) -> list[bool]:
    return [dkim.DKIM(content).verify(idx=each, dnsfunc=lambda name, timeout=5: RECORDS[name]) for each in (0, 1)]


@given(pieces)
def test_every_body_that_smtp_can_carry(body):
    assert verify(SIGNER.sign(HEADER + b"\r\n" + b"".join(body) + b"\r\n", NOW)) == [True, True]


@given(st.lists(st.tuples(names, st.lists(words, min_size=1, max_size=3)), max_size=6))
def test_every_header_folded_and_repeated(fields):
    lines = [f"{name}: x{SEPARATOR.join(parts)}\r\n".encode() for name, parts in fields]
    assert verify(SIGNER.sign(b"".join([HEADER, *lines, b"\r\nHej\r\n"]), NOW)) == [True, True]


def test_lines_stay_short_and_nothing_signed_is_changed():
    content = HEADER + b"\r\nHej\r\n"
    signed = SIGNER.sign(content, NOW)
    assert signed.endswith(content)
    assert max(map(len, signed.split(b"\r\n"))) <= 100


def test_without_keys_nothing_is_added():
    signer = Signer("sms.example.com", [])
    assert not signer.signs
    assert signer.sign(HEADER, NOW) == HEADER
