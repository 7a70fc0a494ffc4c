"""What each target starts from: well-formed examples, which the fuzzer breaks, and the words that it breaks them with."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import Refusal
from gateway.mail_parse import parse
from gateway.quoting.markers import HEADER_KIND, SEPARATOR_WORDS, VERBS
from gateway.smpp import pdu
from tests.hostile import mails

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "mail").glob("*.eml"))
_KEY = b"56384ad000eab2f279f30f7c4fd5ebee@sms.example.com"
_SIGNATURE = (
    b" v=1; a=rsa-sha256; c=relaxed/relaxed; d=firm.example; s=s1; t=1780000000; h=from:to:subject:date:message-id;\r\n"
    b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA"
)
_SET = (
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; t=1; b=AAAA\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from:to; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; mx.a.example; dkim=pass header.d=firm.example; spf=pass smtp.mailfrom=firm.example\r\n"
    b"From: anna@firm.example\r\nTo: Bo <" + _KEY + b'>, "c" (d) <e@f.example>;\r\n\r\nx\r\n'
)
_REPORT = (
    b"From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\n\r\nI'm sorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
    b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n--b--\r\n"
)
_QMAIL = b"From: postmaster@mx.example\r\n\r\nHi. This is the qmail-send program. I'm giving up.\r\n\r\n<a@b.example>:\r\nuser unknown (#5.1.1)\r\n"
_MESSAGE = pdu.ShortMessage(
    pdu.Address(1, 1, "4530643064"), pdu.Address(1, 1, "45609946219651"), b"id:1 stat:DELIVRD err:000", 4, 0
)
_SMALL: dict[str, list[bytes]] = {
    "address": [
        _KEY, b"+45-30643064@sms.example.com", b'"30 64"@sms.example.com', b"@a.example:30643064@sms.example.com", b"subscribe+x@sms.example.com",
        b"b-AbC_1=@sms.example.com", b'"Hansen, Anna" <anna@firm.example> (x)', b"=?utf-8?q?=C3=A6?= <a@xn--blbr-roah.example>", "æ@blåbær.example".encode(),
    ],
    "subject": [
        b"30643064", b"+45 30 64 30 64, 20643064; 0045-20643064", b"Re: [SMS] Besked fra +45 30643064", b"Fwd: ordre 20643064 kl. 12:30 1.1.2026",
        b"(+45) 20643064 / (0)20643064 99 kr 30643064@sms.example.com", "VS: tlf:٣٠٦٤٣٠٦٤".encode(),
    ],
    "dkim": [_SIGNATURE, b"v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL; t=y:s; h=sha256; s=email", b"a \t b\r\n\r\n\r\n"],
    "arc": [_SET, b"DKIM-Signature:" + _SIGNATURE + b"\r\n" + _SET],
    "spf": [
        b"a mx ptr ip4:192.0.2.0/24 ip6:2001:db8::/32 include:%{d} exists:%{ir}.%{v}._spf.%{d2} ?all", b"redirect=%{d} exp=x.%{h}", b"+a:b.example/24//64 -all",
    ],
    "bounce": [_REPORT, _QMAIL],
    "smpp": [
        pdu.frame(pdu.Command.DELIVER_SM, 1, pdu.write_message(_MESSAGE)), pdu.write_message(_MESSAGE), pdu.write_data(_MESSAGE),
        pdu.write_bind(pdu.Bind("id", "secret")), pdu.frame(pdu.Command.ENQUIRE_LINK, 2) * 3,
    ],
}  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """The examples of one target."""
    if target in _SMALL:
        return _SMALL[target]
    golden = [path.read_bytes() for path in GOLDEN]
    if target == "mime":
        return [mail for mail in golden if len(mail) < 6000]
    if target == "html":
        return [mail.partition(b"\r\n\r\n")[2][:600] for mail in mails.PAGES.values()] + [
            b"<html>" + page for page in golden if b"<div" in page
        ]
    return [text.encode("utf-8", "surrogateescape") for mail in golden if (text := _whole_text(mail))]


def _whole_text(mail: bytes) -> str:
    try:
        read = parse(mail)
    except Refusal:
        return ""
    return f"{read.text}\n\n{read.cut}"[:4000]


def words(target: str) -> list[bytes]:
    """What a fuzzer would hardly find by itself: the words that the rooms look for."""
    if target in {"quotes", "html", "mime"}:
        found = [
            *HEADER_KIND,
            *SEPARATOR_WORDS,
            *VERBS[:60],
            "-----",
            "> ",
            "[SMS]",
            "Sendt fra min iPhone",
            "25.11.2026 19:22",
            "=?utf-8?q?",
        ]
        found += [
            "<blockquote type=cite>",
            "<div class=gmail_quote>",
            "multipart/",
            "boundary=b",
            "\r\n--b\r\n",
            "charset=",
            _KEY.decode(),
        ]
        return [word.encode() for word in found]
    return [
        b"\r\n",
        b"; ",
        b"=?utf-8?b?",
        b"@sms.example.com",
        b"+45",
        b"[SMS]",
        b"%{",
        b"header.d=",
        b"\x00\x05",
        b"\x04\x24\x00",
        b"Status: 5.",
        b"v=DKIM1",
    ]
