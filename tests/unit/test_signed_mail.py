"""S/MIME containers: what was signed is read, what was encrypted or damaged is refused. Real ones: test_golden_mail."""

from __future__ import annotations

import zlib
from base64 import encodebytes

import pytest

from gateway.errors import Refusal
from gateway.mail_parse import parse
from gateway.reading.signed import signed_content

ENTITY = b"Content-Type: text/plain\r\n\r\nunderskrevet"


def der(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    size = len(body).to_bytes(4, "big").lstrip(b"\0")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 0x80 else bytes([0x80 | len(size)]) + size) + body


def ber(tag: int, *content: bytes) -> bytes:
    return bytes([tag, 0x80]) + b"".join(content) + b"\0\0"


SIGNED, COMPRESSED = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("060b2a864886f70d0109100109")
ENVELOPED, AUTHENTICATED = bytes.fromhex("06092a864886f70d010703"), bytes.fromhex("060b2a864886f70d0109100117")
DATA = bytes.fromhex("06092a864886f70d010701")
VERSION, ALGORITHMS, CERTIFICATES = (
    b"\x02\x01\x01",
    der(0x31, der(0x30, b"\x06\x01\x01")),
    ber(0xA0, der(0x30, b"x" * 200)),
)


def signed(octets: bytes, wrap=der) -> bytes:
    content = wrap(0x30, DATA, wrap(0xA0, octets))
    return wrap(0x30, SIGNED, wrap(0xA0, wrap(0x30, VERSION, ALGORITHMS, content, CERTIFICATES)))


def compressed(data: bytes) -> bytes:
    content = der(0x30, DATA, der(0xA0, der(0x04, data)))
    return der(0x30, COMPRESSED, der(0xA0, der(0x30, VERSION, der(0x30, b"\x06\x01\x08"), content)))


@pytest.mark.proves("X1")
@pytest.mark.parametrize("wrap", [der, ber])
@pytest.mark.parametrize(
    "octets",
    [
        der(0x04, ENTITY),
        der(0x24, der(0x04, ENTITY[:10]), der(0x04, ENTITY[10:])),
        ber(0x24, der(0x04, ENTITY[:10]), der(0x04, b""), der(0x04, ENTITY[10:])),
        ber(0x24, ber(0x24, der(0x04, ENTITY[:10])), der(0x24, der(0x04, ENTITY[10:]))),
    ],
    ids=["whole", "segments", "streamed", "nested"],
)
def test_signed_content_in_every_encoding(octets: bytes, wrap) -> None:
    blob = signed(octets, wrap)
    assert signed_content(blob) == ENTITY
    assert signed_content(blob + b"\0\0\0") == ENTITY


@pytest.mark.proves("X1")
def test_triple_wrapped_and_compressed() -> None:
    smime = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    once = smime + encodebytes(signed(der(0x04, ENTITY)))
    twice = smime + encodebytes(signed(der(0x04, once)))
    assert parse(b"From: a@b.example\r\n" + twice).text == "underskrevet"
    assert signed_content(compressed(zlib.compress(ENTITY))) == ENTITY


@pytest.mark.proves("X1")
def test_a_container_without_content_holds_none() -> None:
    empty = der(0x30, SIGNED, der(0xA0, der(0x30, VERSION, ALGORITHMS, der(0x30, DATA), CERTIFICATES)))
    assert signed_content(empty) is None
    assert signed_content(der(0x30, DATA, der(0xA0, der(0x04, ENTITY)))) is None


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize(
    ("blob", "cause"),
    [
        (der(0x30, ENVELOPED, der(0xA0, b"x")), "encrypted"),
        (der(0x30, AUTHENTICATED, der(0xA0, b"x")), "encrypted"),
        (b"", "damaged"),
        (b"\x30", "damaged"),
        (b"-----BEGIN PKCS7-----\nMII", "damaged"),
        (b"\x30\x89" + b"\xff" * 9, "damaged"),
        (signed(der(0x02, ENTITY)), "damaged"),
        (compressed(b"not zlib"), "damaged"),
        (compressed(zlib.compress(b"\0" * 20_000_000)), "too large"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(blob: bytes, cause: str) -> None:
    with pytest.raises(Refusal) as refusal:
        signed_content(blob)
    assert cause in refusal.value.cause


@pytest.mark.proves("hostile input costs little")
def test_a_container_cut_anywhere_is_refused_or_read() -> None:
    blob = signed(ber(0x24, der(0x04, ENTITY)), ber)
    for end in range(len(blob)):
        try:
            content = signed_content(blob[:end])
        except Refusal:
            continue
        assert content is None or ENTITY.startswith(content)


@pytest.mark.proves("hostile input costs little")
def test_containers_in_containers_end_at_the_limit() -> None:
    smime = b"Content-Type: application/pkcs7-mime\n\n"
    entity = smime + b"x"
    for _ in range(40):
        entity = smime + signed(der(0x04, entity))
    with pytest.raises(Refusal, match="nested too deeply"):
        parse(b"From: a@b.example\n" + entity)
