"""Whatever bytes arrive: an answer or a Refusal, soon, and never a traceback."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.mail_parse import ParseLimits, parse
from tests.stopwatch import cpu_seconds

HEAD = b"From: anna@firm.example\r\nSubject: 30643064\r\n"
MEGABYTE = 1_000_000


def fill(piece: bytes, size: int = MEGABYTE) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


def typed(kind: bytes, body: bytes) -> bytes:
    return HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + body


def encoded(encoding: bytes, body: bytes) -> bytes:
    return HEAD + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def nested(levels: int) -> bytes:
    return HEAD + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels)
    )


SIGNED_HEAD = bytes.fromhex("308006092a864886f70d010702a08030800201013100308006092a864886f70d010701a080")
SHAPES = {
    "10,000 parentheses in From": b"From: " + b"(" * 10_000 + b"\r\n\r\nx",
    "parentheses in To": HEAD + b"To: " + fill(b"(", 200_000) + b"\r\n\r\nx",
    "escaped quotes in To": HEAD + b"To: " + fill(b'\\"', 200_000) + b"\r\n\r\nx",
    "half addresses in To": HEAD + b"To: " + fill(b",a@", 200_000) + b"\r\n\r\nx",
    "2,000 nested multiparts": nested(2000),
    "20 levels over empty lines": nested(19) + b"\r\n" + fill(b"\r\n"),
    "20 levels over almost delimiters": nested(19) + b"\r\n" + fill(b"\r\n--b"),
    "20 levels over outer delimiters": nested(19) + b"\r\n" + fill(b"\n--b0"),
    "parts without end": typed(b"multipart/mixed; boundary=b", fill(b"--b\r\n\r\nx\r\n")),
    "digest without end": typed(b"multipart/digest; boundary=b", fill(b"--b\r\n\r\nFrom: x\r\n\r\n")),
    "boundary to guess": typed(b"multipart/mixed", fill(b"\n--x")),
    "a megabyte of headers": b"From: a@b.example\r\n" + fill(b"X: y\r\n"),
    "a megabyte of folds": b"From: a@b.example\r\nX: " + fill(b"\r\n "),
    "one header of a megabyte": b"From: a@b.example\r\nSubject: " + fill(b"a") + b"\r\n\r\n",
    "open encoded words": b"From: a@b.example\r\nSubject: " + fill(b"=?a?q?", 250_000) + b"\r\n\r\nx",
    "encoded words without end": b"From: a@b.example\r\nSubject: " + fill(b"=?utf-8?q?a?= ", 250_000) + b"\r\n\r\nx",
    "parameter continuations": typed(b"text/plain" + fill(b"; a*0*=x", 250_000), b"x"),
    "open quotes in parameters": typed(b"text/plain" + fill(b';"', 250_000), b"x"),
    "blanks in parameters": typed(b"text/plain;a" + fill(b" ", 250_000), b"x"),
    "references without end": HEAD + b"References: " + fill(b"<a@b> ", 250_000) + b"\r\n\r\nx",
    "flowed blanks": typed(b"text/plain; format=flowed", fill(b" \r\n")),
    "flowed quotes": typed(b"text/plain; format=flowed", fill(b">")),
    "one flowed paragraph": typed(b"text/plain; format=flowed", fill(b">a \r\n")),
    "base64 paddings": encoded(b"base64", fill(b"QQ==")),
    "base64 junk": encoded(b"base64", fill(b"=%")),
    "quoted-printable equals": encoded(b"quoted-printable", fill(b"= ")),
    "quoted-printable soft breaks": encoded(b"quoted-printable", fill(b"=\t \n")),
    "uuencoded nonsense": encoded(b"x-uuencode", b"begin 644 x\r\n" + fill(b"M\r\n")),
    "nested HTML": typed(b"text/html", fill(b"<div>")),
    "open HTML tags": typed(b"text/html", fill(b"<a ")),
    "open HTML comments": typed(b"text/html", fill(b"<!--")),
    "long plain text": typed(b"text/plain", fill(b"hello there\r\n")),
    "long quoted text": typed(b"text/plain", fill(b"> hello\r\n")),
    "one line": typed(b"text/plain", fill(b"a")),
    "high bytes": typed(b"text/plain", fill(b"\xe6\xf8\xe5 ")),
    "UTF-7": typed(b"text/plain; charset=utf-7", fill(b"+AAAA-")),
    "ISO 2022": typed(b"text/plain; charset=iso-2022-jp", fill(b"\x1b$B\x1b(B")),
    "quadratic codec": typed(b"text/plain; charset=punycode", fill(b"a-b")),
    "compressing codec": typed(b"text/plain; charset=zlib", fill(b"a-b")),
    "PGP armour": typed(b"text/plain", fill(b"-----BEGIN PGP SIGNED MESSAGE-----\r\n")),
    "nested DER": typed(b"application/pkcs7-mime", fill(b"\x30\x80")),
    "nested octet strings": typed(b"application/pkcs7-mime", SIGNED_HEAD + fill(b"\x24\x80")),
    "empty octet strings": typed(b"application/pkcs7-mime", SIGNED_HEAD + b"\x24\x80" + fill(b"\x04\x00")),
    "enriched parameters": typed(b"text/enriched", fill(b"<param><")),
    "calendar methods": typed(b"text/calendar", fill(b"METHOD:\t\t\t\t")),
    "zero bytes": b"\0" * MEGABYTE,
    "carriage returns": fill(b"\r"),
    "nothing": b"",
}


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_a_hostile_megabyte_costs_less_than_half_a_second(content: bytes) -> None:
    def read() -> None:
        with suppress(Refusal):
            parse(content)

    assert cpu_seconds(read, 0.5) < 0.5


@pytest.mark.proves("hostile input costs little", "more than 50 Received")
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (nested(25), "nested too deeply"),
        (typed(b"multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n" * 300), "too many parts"),
        (typed(b"multipart/mixed; boundary=b", b"--bb\r\n" * 6000), "too many boundary lines"),
        (HEAD + b"X: y\r\n" * 1001 + b"\r\nx", "header too large"),
        (HEAD + b"X: " + b"y" * 300_000 + b"\r\n\r\nx", "header too large"),
        (HEAD + b"Received: x\r\n" * 51 + b"\r\nx", "mail loop"),
        (typed(b"application/pkcs7-mime", b"\x30\x03abc"), "damaged S/MIME"),
        (typed(b"application/pkcs7-mime", b""), "damaged S/MIME"),
    ],
)
def test_each_limit_is_refused_in_words(content: bytes, cause: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse(content)
    assert cause in refusal.value.cause
    assert refusal.value.code == 554


@pytest.mark.proves("hostile input costs little", "more than 50 Received")
def test_limits_are_the_callers() -> None:
    assert parse(HEAD + b"Received: x\r\n" * 50 + b"\r\nx").text == "x"
    with pytest.raises(Refusal, match="mail loop"):
        parse(HEAD + b"Received: x\r\n" * 3 + b"\r\nx", ParseLimits(max_received=2))
    assert parse(HEAD + b"\r\nabcdef", ParseLimits(max_text=3)).text == "abc"


FRAGMENTS = st.sampled_from(
    [
        b"From: a@b.example\r\n", b"From: ", b"Subject: =?utf-8?", b"q?=C3", b"?=", b"=?utf-16?b?", b"\r\n", b"\r\n\r\n", b"\n", b"\r",
        b"Content-Type: multipart/", b"mixed", b"alternative", b"signed", b"related; start=<x>", b"report", b"encrypted", b"appledouble",
        b"; boundary=b", b"\r\n--b\r\n", b"\r\n--b--\r\n", b"Content-Type: text/", b"plain", b"html", b"calendar", b"enriched", b"richtext",
        b"; charset=", b"utf-16", b"utf-7", b"iso-2022-jp", b"gb18030", b"x-none", b"; format=flowed; delsp=yes",
        b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"x-uuencode", b"begin 644 x\r\n",
        b"Content-Type: application/pkcs7-mime\r\n\r\n", SIGNED_HEAD, b"\x24\x80", b"\x04\x02ab", b"\0\0", b"\x30\x84\xff\xff\xff\xff",
        b"Content-Disposition: attachment; filename*0*=utf-8''%F", b"filename*=x", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n",
        b"<div>", b"<html><blockquote>", b"&#x110000;", b"&#0;", b"> ", b"-- \r\n", b"message/rfc822", b"List-Id: x\r\n", b"Date: ", b"<a@b>", b"\xff\xfe", b"\xc3\xa6", b"\xf0\x9f", b"=", b"=3D",
    ]
)  # fmt: skip


@pytest.mark.proves("hostile input costs little")
@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.binary(max_size=300), st.lists(st.one_of(FRAGMENTS, st.binary(max_size=6)), max_size=40).map(b"".join))
)
def test_any_bytes_become_a_mail_or_a_refusal(content: bytes) -> None:
    for mail in (content, HEAD + content):
        try:
            parsed = parse(mail)
        except Refusal:
            continue
        for text in (parsed.subject, parsed.from_name, *parsed.attachments):
            assert not any(char < " " or char in "\x7f\u2028\u2029" for char in text)
        assert not any(char < " " and char != "\n" for char in parsed.text)
        parsed.text.encode("utf-8")
        parsed.subject.encode("utf-8")


@pytest.mark.proves("hostile input costs little")
def test_no_surprise_is_left_to_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.mail_parse.read_body", lambda *_: 1 // 0)
    with pytest.raises(Refusal) as refusal:
        parse(HEAD + b"\r\nx")
    assert refusal.value.cause == "unreadable: its structure cannot be understood"
