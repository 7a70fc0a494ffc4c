"""The worst mails of a megabyte that we could make, each against one room of the reading; by what is in them."""

from __future__ import annotations

import base64

MEGABYTE = 1_000_000

_HEAD = b"From: anna@firm.example\r\nTo: 30643064@sms.example.com\r\nSubject: 30643064\r\n"
_KEY = "56384ad000eab2f279f30f7c4fd5ebee@sms.example.com"
_DATE = "Den 25. november 2026 kl. 19.22 "
_HEADERS = f"Fra: Anna <{_KEY}>\r\nSendt: 25. november 2026 19:22\r\nTil: Bo <bo@firm.example>\r\nEmne: [SMS]\r\n"


def fill(piece: bytes | str, size: int = MEGABYTE) -> bytes:
    """So many bytes of one piece, over and over."""
    data = piece.encode() if isinstance(piece, str) else piece
    return (data * (size // len(data) + 1))[:size]


def plain(piece: bytes | str, kind: bytes = b"text/plain; charset=utf-8", size: int = MEGABYTE) -> bytes:
    """A mail whose only part is filled with one piece."""
    return _HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + fill(piece, size)


def flowed(piece: bytes | str) -> bytes:
    return plain(piece, b"text/plain; charset=utf-8; format=flowed")


def html(piece: bytes | str) -> bytes:
    return plain(piece, b"text/html; charset=utf-8")


def header(line: bytes, piece: bytes | str, size: int = 250_000) -> bytes:
    """A mail with one header field filled with one piece: up to the limit of a header block."""
    return (
        line + fill(piece, size) + b"\r\n" + (b"" if line.startswith(b"From") else b"From: a@b.example\r\n") + b"\r\nx"
    )


def nested(levels: int, inner: bytes) -> bytes:
    """So many multiparts in each other, all of which end where the mail ends."""
    opened = (b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels))
    return _HEAD + b"".join(opened) + b"\r\n" + inner


def alternative(text: bytes, page: bytes) -> bytes:
    """Both forms at once, so that they are compared."""
    return (
        _HEAD
        + b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + text
        + b"\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        + page
        + b"\r\n--b--\r\n"
    )


def mixed(parts: int, kind: bytes, piece: bytes | str) -> bytes:
    """Many parts that are all read as text."""
    part = b"\r\n--b\r\nContent-Type: " + kind + b"\r\n\r\n" + fill(piece, MEGABYTE // parts)
    return _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n" + part * parts + b"\r\n--b--\r\n"


def encoded(encoding: bytes, body: bytes, kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    return _HEAD + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


STRUCTURE: dict[str, bytes] = {
    "2,000 nested multiparts": nested(2000, b"x"),
    "20 levels over a megabyte of empty lines": nested(19, fill(b"\r\n")),
    "20 levels over a megabyte of almost delimiters": nested(19, fill(b"\r\n--b")),
    "20 levels over words": nested(19, fill(b"hello\r\n")),
    "parts without end": _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + fill(b"--b\r\n\r\nx\r\n"),
    "199 parts of text": mixed(199, b"text/plain", "> a\r\nb:\r\n"),
    "199 parts of HTML": mixed(199, b"text/html", "<p>a<br>"),
    "199 parts, text and HTML by turns": mixed(
        99, b"text/plain", "Den 25. november 2026 skrev Anna:\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hej"
    ),
    "base64 bomb": encoded(b"base64", base64.encodebytes(b"Fra: a\nSendt: b\n" * 45_000)),
    "base64 paddings": encoded(b"base64", fill(b"QQ==")),
    "quoted-printable equals": encoded(b"quoted-printable", fill(b"= ")),
    "uuencoded nonsense": encoded(b"x-uuencode", b"begin 644 x\r\n" + fill(b"M\r\n")),
    "nested octet strings": encoded(
        b"8bit",
        bytes.fromhex("308006092a864886f70d010702a08030800201013100308006092a864886f70d010701a080") + fill(b"\x24\x80"),
        b"application/pkcs7-mime",
    ),
}
HEADERS: dict[str, bytes] = {
    "10,000 parentheses in From": b"From: " + b"(" * 10_000 + b"\r\n\r\nx",
    "4,000 parentheses in From": header(b"From: ", "(", 3_990),
    "quotes in From": header(b"From: ", '"\\', 3_990),
    "at signs in From": header(b"From: ", "a@", 3_990),
    "parentheses in To": header(b"To: ", "("),
    "closed parentheses in To": header(b"To: ", "()"),
    "quoted addresses in To": header(b"To: ", '"a"@b,'),
    "escaped quotes in To": header(b"To: ", '\\"'),
    "angles in To": header(b"To: ", "<a@b>"),
    "half angles in To": header(b"To: ", "<a@b,"),
    "addresses in To": header(b"To: ", "a@b.example,"),
    "spaced numbers in To": header(b"To: ", "30 64 ( - . 30 64 @b,"),
    "encoded words in Subject": header(b"Subject: ", "=?utf-8?q?=C3=A6?= "),
    "open encoded words in Subject": header(b"Subject: ", "=?a?q?"),
    "question marks in Subject": header(b"Subject: ", "=?utf-8?q?????"),
    "a thousand headers": _HEAD + b"X: =?utf-8?q?a?=\r\n" * 990 + b"\r\nx",
    "folds": b"From: a@b.example\r\nX: " + fill(b"\r\n ", 250_000) + b"\r\n\r\nx",
    "one header of a megabyte": b"From: a@b.example\r\nSubject: " + fill(b"a") + b"\r\n\r\n",
    "a header without end": b"From: a@b.example\r\nX: " + fill(b"a"),
    "references": header(b"References: ", "<a@b> "),
    "half references": header(b"References: ", "<a@b"),
    "parameters": header(b"Content-Type: text/plain", "; a*0*=x"),
    "quotes in parameters": header(b"Content-Type: text/plain", ';"'),
    "blanks in parameters": header(b"Content-Type: text/plain;a", " "),
    "Auto-Submitted": header(b"Auto-Submitted: ", "no;("),
    "Precedence": header(b"Precedence: ", ", ;"),
    "Delivered-To": _HEAD + b"".join(b"Delivered-To: %d\r\n" % n for n in range(990)) + b"\r\nx",
    "an absence note in Subject": header(b"Subject: A", "auto reply "),
}
TEXTS: dict[str, bytes] = {
    "one line": plain("a"),
    "one line of blanks": plain("a" + " " * 500),
    "100,000 quote marks": plain(">" * 100_000 + "a\r\n"),
    "quote marks, one a line": plain("> a\r\n"),
    "deeper and deeper quotes": _HEAD + b"\r\n" + b"".join(b">" * n + b" a\r\n" for n in range(1400)),
    "header blocks": plain(_HEADERS + "\r\nHej\r\n"),
    "header blocks over quoted lines": plain(_HEADERS + "\r\n> Hej\r\n\r\n"),
    "header blocks over quoted lines, with words between": plain("Hej\r\n" + _HEADERS + "\r\n> Hej\r\n\r\n"),
    "labels": plain("Fra: a\r\n"),
    "labels and blank lines": plain("Fra: a\r\n\r\n"),
    "labels set wide": plain("Fra: a\r\nx\r\n\r\nSendt: b\r\nx\r\nx\r\n"),
    "attributions": plain(f"{_DATE}skrev Anna:\r\n"),
    "attributions over quoted lines": plain(f"{_DATE}skrev Anna <{_KEY}>:\r\n> a\r\n\r\nb\r\n"),
    "attributions wrapped over five lines": plain(
        "Den 25.\r\nnovember 2026\r\nkl. 19.22\r\nskrev\r\nAnna:\r\n> a\r\nb\r\n"
    ),
    "almost attributions": plain("a b c d e f g h i j k l m n o p 1 2 3 4 skrev:\r\n"),
    "colons": plain("a:\r\n"),
    "dates before colons": plain("1.1.2026 " * 45 + ":\r\n"),
    "other signs": plain("Anna skrev:\r\n| a\r\nb\r\n"),
    "separators": plain("-----Original Message-----\r\n"),
    "separators over quoted lines": plain("-----Original Message-----\r\n> a\r\n\r\nb\r\n"),
    "dashes": plain("--a" + "-" * 300 + "a\r\n"),
    "dashed words": plain("-- " + "a - " * 70 + "b\r\n"),
    "three angles": plain(">>> a 1:11" + "> " * 100 + "\r\n"),
    "Notes' stacked labels": plain("Anna\r\n25.11.2026 19:22\r\nTil\r\nEmne\r\nEmne\r\n"),
    "our address": plain(f"a: {_KEY}\r\n"),
    "device footers": plain("Sendt fra min iPhone\r\n"),
    "footers over quoted lines": plain("Hej\r\n\r\nSendt fra min iPhone\r\n> a\r\n\r\n"),
    "almost footers": plain("sent from my samsung galaxy galaxy galaxy galaxy galaxy galaxy!\r\n> a\r\n\r\n"),
    "signatures": plain("-- \r\n"),
    "mbox": plain(">From a\r\n\r\n"),
    "links": plain("a <http://a.example>\r\n"),
    "links without blanks": plain("a" * 299 + "<http://a>"),
    "half links": plain("a<http:"),
    "pictures": plain("[image:"),
    "pictures on lines": plain("\r\n\r\n[image: a]\r\n"),
    "PGP armour": plain("-----BEGIN PGP SIGNED MESSAGE-----\r\n"),
    "digits": plain("1"),
    "combining marks": plain("a" + "\u0301" * 400),
    "right to left": plain("\u05d0\u202e\u200f "),
    "zero-width": plain("\u200b\u200d\u2060"),
    "joiners": plain("\u200d\u200c"),
    "joiners in words": plain("\u0627\u200d\u200c "),
    "no-break blanks": plain("\u00a0"),
    "C1 controls": plain(b"\xc2\x80\xc2\x85 "),
    "control characters": plain(b"\x01\x0b\x1f"),
    "surrogates": plain(b"\xed\xa0\x80"),
    "high bytes": plain(b"\xe6\xf8\xe5 "),
    "Cyrillic without a label": plain(b"\xd0\xd2\xc9\xd7\xc5\xd4 ", b"text/plain"),
    "UTF-7": plain("+AAAA-", b"text/plain; charset=utf-7"),
    "ISO 2022": plain(b"\x1b$B\x1b(B", b"text/plain; charset=iso-2022-jp"),
    "flowed blanks": flowed(" \r\n"),
    "flowed quotes": flowed(">"),
    "flowed paragraphs": flowed(">a \r\n"),
    "flowed lists": flowed("- a \r\n* b \r\n> - c \r\n"),
    "flowed stuffing": flowed(" >a\r\n"),
    "enriched": plain("<param><", b"text/enriched"),
    "a receipt": _HEAD.replace(b"30643064\r\n", "Læst: x\r\n".encode()) + b"\r\n" + fill("dette er en wurde "),
}
PAGES: dict[str, bytes] = {
    "100,000 nested divs": html("<div>"),
    "nested inline elements": html("<b><i>"),
    "nested tables": html("<table><tr><td>"),
    "table rows": html("<tr><td>a<td>b"),
    "a table row of a megabyte": html("<td>a"),
    "open tags": html("<a "),
    "open tags with quotes": html('<a b="'),
    "attributes": html("<a " + "b=c " * 300 + ">"),
    "equal signs": html("<a b= c= d=\"'"),
    "open comments": html("<!--"),
    "comments": html("<!-- a -->"),
    "half comments": html("<!-- -"),
    "entities": html("&amp;&#x41;&nbsp;"),
    "half entities": html("&"),
    "paragraphs": html("<p>a"),
    "line breaks": html("<br>"),
    "angles": html("<"),
    "lists": html("<ol><li>a"),
    "list items": html("<li>a"),
    "links": html('<a href="http://b.example/c">a</a>'),
    "wrapped links": html('<a href="https://x.safelinks.protection.outlook.com/?url=' + "&a=b" * 200 + '">a</a>'),
    "styles": html("<style>p{margin:0}" + "a," * 9000 + "b{margin:0}</style>"),
    "style attributes": html('<p style="' + "margin:0;" * 150 + '">a'),
    "hidden": html('<p style="display : ' + " " * 1400 + '">a'),
    "borders": html('<div style="border-top:' + "rgb(" * 100 + '">a</div>'),
    "words' lists": html('<span style="mso-list:l0">a</span>'),
    "scripts": html("<script>"),
    "closed scripts": html("<script></script>"),
    "titles": html("<title>"),
    "plaintext": html("<plaintext>"),
    "preformatted": html("<pre>a\n"),
    "blockquotes": html("<blockquote>a"),
    "quoting blockquotes": html('<blockquote type="cite">a</blockquote>b<br>'),
    "Gmail's quotes": html('<div class="gmail_quote">a'),
    "rules over labels": html('<div style="border-top:solid #e1e1e1 1pt">a: b<br>c: d</div>e'),
    "header blocks": html(_HEADERS.replace("<", "&lt;").replace("\r\n", "<br>") + "&gt; Hej<br><br>Hej<br>"),
    "attributions": html(f"{_DATE}skrev Anna:<br>&gt; a<br>b<br>"),
    "symbol fonts": html('<font face="Wingdings">J</font>'),
    "formatting elements": html("<b>" * 12 + "<p>"),
    "misnested formatting": html("<a><b><p></a></b>"),
    "selects": html("<select><option>"),
    "templates": html("<template>"),
    "foreign elements": html("<svg><math>"),
    "zero bytes": html("<\0"),
    "zero-width": html("\u200b\u200d"),
    "right to left": html("\u05d0\u202e"),
    "stub beside HTML": alternative(b"Your client does not show HTML", fill("<p>a ", MEGABYTE)),
    "wrapped text beside HTML": alternative(
        fill("a " * 35 + "\r\n", MEGABYTE // 2), fill("a " * 35 + "<br>", MEGABYTE // 2)
    ),
    "header blocks in both": alternative(
        fill(_HEADERS + "\r\n> Hej\r\n\r\n", MEGABYTE // 2),
        fill(_HEADERS.replace("<", "&lt;").replace("\r\n", "<br>") + "&gt; Hej<br><br>", MEGABYTE // 2),
    ),
    "HTML that calls itself plain": plain("<div>a</div>"),
}
SUBJECTS: dict[str, str] = {
    "digits": "3" * 8000,
    "groups of two": "30 " * 2600,
    "groups with plus": "+45 30 " * 1100,
    "many numbers": "30643064, " * 800,
    "pluses and brackets": "+(" * 4000,
    "dates": "1.1.2026 " * 880,
    "prices": "1.1.1.1." * 1000 + " x",
    "blanks": " " * 7000 + "1",
    "reply prefixes": "Re: " * 2000 + "30643064",
    "tags": "[SMS] " * 1300 + "30643064",
    "open brackets": "[" * 8000,
    "at signs": "a@" * 4000,
    "dots before at": "1." * 4000 + "@a",
    "words": "ordre nr. " * 800,
    "combining marks": "a" + "\u0301" * 7999,
    "foreign digits": "\u0663" * 8000,
    "right to left": "\u05d0\u202e1" * 2600,
    "compatibility forms": "\ufdfa" * 8000,
}
_REPORT = (
    b"From: <>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
)
_DAEMON = b"From: MAILER-DAEMON@mx.example\r\n"
BOUNCES: dict[str, bytes] = {
    name: mail.replace(b"anna@firm.example", b"mailer-daemon@mx.example")
    for name, mail in {**STRUCTURE, **HEADERS}.items()
} | {
    "reports": _REPORT + fill(b"Action: failed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"),
    "groups": _REPORT + fill(b"Action: failed\r\nStatus: 5.1.1\r\n\r\n"),
    "blank groups": _REPORT + fill(b"\r\n \t \t"),
    "a status": _REPORT + b"Action: failed\r\nDiagnostic-Code: " + fill(b"5.1."),
    "recipients": _DAEMON + b"\r\n" + fill(b"<a@b>:"),
    "half recipients": _DAEMON + b"\r\n" + fill(b"<" * 300 + b"\r\n"),
    "transcripts": _DAEMON + b"\r\n" + fill(b"--transcript of "),
    "warnings": _DAEMON + b"\r\nwarning: message " + fill(b"message "),
    "HTML": _DAEMON + b"Content-Type: text/html\r\n\r\n" + fill(b"<a"),
    "a quadratic codec": _DAEMON + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + fill(b"a-b"),
    "attached mails": b"From: <>\r\n" + fill(b"Content-Type: message/rfc822\r\n\r\n"),
}
_SIGNATURE = b"DKIM-Signature: v=1; a=rsa-sha256; d=b; s=s; "
_ARC = (
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; t=1; b=AAAA\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from:to; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; mx.a.example; "
)
PROOFS: dict[str, bytes] = {
    **HEADERS,
    "tags": header(_SIGNATURE, b"a=b;"),
    "blanks in tags": header(_SIGNATURE, b" \r\n\t"),
    "signed names": header(_SIGNATURE, b"h=a:", 8_000),
    "short blanks in tags": header(_SIGNATURE, b"b= \r\n ", 8_000),
    "signatures": (_SIGNATURE + b"bh=AAAA; b=AAAA; h=from" + b":a" * 100 + b"\r\n") * 300 + b"From: a@b\r\n\r\nx",
    "seals": b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; t=1; b=AAAA\r\n" * 900 + b"\r\n",
    "backslashes in To": header(b"To: ", "\\"),
    "commas in To": header(b"To: ", ","),
    "nested comments in results": header(_ARC, b"("),
    "nested comments in short results": header(_ARC, b"(", 8_000),
    "results": header(_ARC, b"dkim=pass header.d=b.example; "),
    "short results": header(_ARC, b"dkim=pass header.d=b.example; ", 8_000),
    "properties": header(_ARC + b"dkim=pass ", b"header.d=b.example ", 8_000),
    "quotes in results": header(_ARC + b"dkim=pass ", b'"', 8_000),
}
