"""What a mail says: headers, the part a person wrote, and its identity. Whole mails of real clients: test_golden_mail."""

from __future__ import annotations

import base64

import pytest

from gateway.errors import Refusal
from gateway.mail_parse import parse
from gateway.model import ParsedMail
from gateway.reading.charsets import codec_for, decode
from gateway.reading.plain_text import OWN_MARK, clean, unflow


def mail(headers: str = "", body: str = "Hej", *, sender: str = "anna@firm.example") -> ParsedMail:
    text = f"From: {sender}\n{headers}\n{body}\n"
    return parse(text.replace("\n", "\r\n").encode("utf-8", "surrogateescape"))


def typed(kind: str, body: str, more: str = "") -> ParsedMail:
    return mail(f"Content-Type: {kind}\n{more}", body)


# --- headers -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D8", "D12")
@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        ("30643064", "30643064"),
        ("  30643064, +45 30 64 30 65  ", "30643064, +45 30 64 30 65"),
        ("30643064,\n\t30643065", "30643064, 30643065"),
        ("=?utf-8?Q?M=C3=B8de_30643064?=", "Møde 30643064"),
        ("=?UTF-8?B?TcO4ZGU=?=", "Møde"),
        ("=?UTF-8?B?TcO4ZGU?=", "Møde"),
        ("=?utf-8?q?M=C3?= =?utf-8?q?=B8de?=", "Møde"),
        ("=?utf-8?B?TcM=?=\n =?utf-8?B?uGRl?=", "Møde"),
        ("=?utf-8?q?M=C3?==?utf-8?b?uGRl?=", "Møde"),
        ("=?iso-8859-1?Q?M=F8?= =?utf-8?Q?de?=", "Møde"),
        ("=?iso-8859-1?Q?M=F8de?= 30643064 =?iso-8859-1?Q?=E6?=", "Møde 30643064 æ"),
        ("Re:=?utf-8?Q?_M=C3=B8de?=", "Re: Møde"),
        ('"=?utf-8?Q?M=C3=B8de?="', '"Møde"'),
        ("=?utf-8*da?Q?M=C3=B8de?=", "Møde"),
        ("=?utf-8?Q?M=C3=B8de med mellemrum?=", "Møde med mellemrum"),
        ("=?utf-8?Q?Hvorfor?=?=", "Hvorfor?="),
        ("=?utf-8?Q?Kommer_du?_Ja?=", "Kommer du? Ja"),
        ("=?iso-8859-1?Q?M=C3=B8de?=", "Møde"),
        ("=?utf-8?Q?M=F8de?=", "Møde"),
        ("=?x-unknown?Q?M=F8de?=", "Møde"),
        ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("=?utf-8?Q?abc", "=?utf-8?Q?abc"),
        ("Møde", "Møde"),
        ("M\udcf8de", "Møde"),
        ("A =?UTF-8?Q?=0A?=Bcc: x", "A Bcc: x"),
        ("A =?UTF-8?Q?=0D=0ABcc=3A_x?=", "A Bcc: x"),
        ("A=?UTF-8?Q?=00=07=1B=7F?=B", "AB"),
        ("A\u202eB\u200bC\ufeffD", "ABCD"),
        ("=?utf-8?Q?A=E2=80=A8B?=", "A B"),
        ("A\u00a0B\u00a0\u00a0C", "A B C"),
        ("A\tB", "A B"),
        ("", ""),
    ],
)
def test_subject(raw: str, subject: str) -> None:
    assert mail(f"Subject: {raw}\n").subject == subject


@pytest.mark.proves("D8")
def test_subject_without_label_is_read_in_the_bodys_charset() -> None:
    raw = "Привет".encode("koi8-r")
    content = b"From: a@b.example\r\nSubject: " + raw + b"\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n" + raw
    parsed = parse(content)
    assert (parsed.subject, parsed.text) == ("Привет", "Привет")


@pytest.mark.proves("header injection")
def test_a_bare_carriage_return_makes_no_header() -> None:
    parsed = parse(b"From: a@b.example\r\nSubject: 1\rFrom: x@y.example\rBcc: z\r\n\r\nx")
    assert (parsed.from_address, parsed.subject) == ("a@b.example", "1 From: x@y.example Bcc: z")


@pytest.mark.proves("D8")
def test_first_of_two_subjects_counts_and_a_missing_one_is_empty() -> None:
    assert mail("Subject: 1\nSubject: 2\n").subject == "1"
    assert mail().subject == ""


@pytest.mark.proves("D12")
@pytest.mark.parametrize(
    ("raw", "message_id"),
    [
        ("<a@b>", "a@b"),
        ("\n <a@b>", "a@b"),
        ("<a@b> (added by mta)", "a@b"),
        ("<no-at-sign>", "no-at-sign"),
        ("a@b", None),
        ("<a b@c>", None),
        ("<a@b> <c@d>", None),
        ("<>", None),
        ("<" + "a" * 999 + ">", None),
        ("", None),
    ],
)
def test_message_id(raw: str, message_id: str | None) -> None:
    assert mail(f"Message-ID: {raw}\n").message_id == message_id


@pytest.mark.proves("D12")
def test_references_in_every_habit() -> None:
    parsed = mail(
        'In-Reply-To: Your message of "Mon" <a@b>\nReferences: <x@y>\n <a@b>,<c d> <x@y>\nReferences: <e@f>\n'
    )
    assert parsed.in_reply_to == ("a@b",)
    assert parsed.references == ("x@y", "a@b", "e@f")
    many = mail("References: " + " ".join(f"<{n}@b>" for n in range(500)) + "\n").references
    assert (len(many), many[-1]) == (100, "499@b")


@pytest.mark.proves("D10")
def test_recipients_of_to_and_cc() -> None:
    parsed = mail('To: "A, B" <a@B.example>\nCC: c@d.example; a@b.example\nTo: e@f.example\nBcc: g@h.example\n')
    assert parsed.recipients == ("a@b.example", "e@f.example", "c@d.example")


# --- identity ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("content hash")
def test_the_hash_knows_a_mail_again_however_it_travelled() -> None:
    head = "Date: Mon, 3 Aug 2026 10:14:10 +0200\nSubject: 30643064\nContent-Type: text/plain; charset=utf-8\n"
    first = mail(head, "Kære ven")
    again = mail("Received: by x\n" + head + "Content-Transfer-Encoding: quoted-printable\n", "K=C3=A6re ven")
    assert first.content_hash == again.content_hash
    assert len(first.content_hash) == 64
    others = [
        mail(head, "Kære ven!"),
        mail(head.replace("10:14:10", "10:14:11"), "Kære ven"),
        mail(head.replace("30643064", "30643065"), "Kære ven"),
        mail(head, "Kære ven", sender="bo@firm.example"),
        mail("In-Reply-To: <other@sms.example.com>\n" + head, "Kære ven"),
        mail(head, "Kære ven\n\nDen 1. aug. 2026 kl. 10.00 skrev Bo <bo@else.example>:\n> Hvad?"),
    ]
    assert len({first.content_hash, *(other.content_hash for other in others)}) == 7


# --- which part ----------------------------------------------------------------------------------------------------


def multipart(kind: str, *children: str, preamble: str = "") -> ParsedMail:
    body = preamble + "".join(f"--b\n{child}\n" for child in children) + "--b--\nepilogue"
    return typed(f"multipart/{kind}; boundary=b", body)


PLAIN = "Content-Type: text/plain\n\n"
HTML = "Content-Type: text/html\n\n"


@pytest.mark.proves("D8", "X1")
@pytest.mark.parametrize(
    ("kind", "children", "text"),
    [
        ("mixed", [PLAIN + "en", PLAIN + "to"], "en\nto"),
        ("mixed", ["\nuden hoved"], "uden hoved"),
        ("mixed", [PLAIN + "en", HTML + "<p>to</p>"], "en\nto"),
        ("mixed", [PLAIN + "en to", HTML + "<p>En<br>to</p>"], "en to"),
        ("mixed", [HTML + "<p>en</p>", "Content-Type: image/png\n\nx", HTML + "<p>to</p>"], "en\n\nto"),
        ("mixed", ["Content-Type: text/plain; name=a.txt\n\nen"], "en"),
        ("mixed", ["Content-Type: image/png; name=a.png\n\nx"], ""),
        ("mixed", [PLAIN + "en", "Content-Type: text/plain; name=a.txt\n\nfil"], "en"),
        ("mixed", [PLAIN + "en", "Content-Disposition: attachment; filename=ATT00001.txt\n\nto"], "en\nto"),
        ("mixed", [PLAIN + "en", "Content-Type: text/plain\nContent-Disposition: attachment\n\nfil"], "en"),
        (
            "mixed",
            [PLAIN + "en", 'Content-Type: text/html\nContent-Disposition: inline; filename="a.html"\n\nfil'],
            "en",
        ),
        ("alternative", [PLAIN + "en", HTML + "<p>to</p>"], "en"),
        ("alternative", [PLAIN, HTML + "<p>to</p>"], "to"),
        ("alternative", [HTML + "<p>to</p>"], "to"),
        ("alternative", [PLAIN + "en", "Content-Type: text/x-amp-html\n\n<html>"], "en"),
        ("alternative", [PLAIN + "Denne e-mail er i HTML-format", HTML + "<p>to</p>"], "to"),
        ("alternative", [PLAIN + "To view this message, please use an HTML compatible viewer!", HTML + "to"], "to"),
        ("alternative", [PLAIN + "HTML er svært", HTML + "<p>HTML er svært</p>"], "HTML er svært"),
        ("alternative", [PLAIN + "hvad?? ja", HTML + "<p>hvad?? ja</p>"], "hvad?? ja"),
        ("related", [HTML + "<p>to</p>", "Content-Type: image/png\nContent-ID: <i>\n\nx"], "to"),
        ('related; start="<r>"', ["Content-Type: image/png\n\nx", "Content-ID: <r>\n" + HTML + "<p>to</p>"], "to"),
        ("signed", [PLAIN + "en", "Content-Type: application/pgp-signature\n\nx"], "en"),
        ("x-unknown", [PLAIN + "en"], "en"),
        ("parallel", [PLAIN + "en"], "en"),
        ("digest", ["\nFrom: x@y.example\n\nindhold"], ""),
    ],
)
def test_the_part_a_person_wrote(kind: str, children: list[str], text: str) -> None:
    assert multipart(kind, *children, preamble="This is a multi-part message in MIME format.\n").text == text


LONG = "En linje som klienten selv ombryder, fordi den er længere end halvfjerds tegn i alt"


@pytest.mark.proves("D8", "X1")
@pytest.mark.parametrize(
    ("plain", "html", "text"),
    [
        # wrapped by the client, not by the person
        (LONG.replace(" i alt", "\ni alt"), f"<div>{LONG}</div>", LONG),
        (LONG.replace(" i alt", "\ni alt"), f"<div>{LONG} og mere</div>", LONG.replace(" i alt", "\ni alt")),
        # an empty line after every paragraph, as Outlook's own text writer does
        ("en\n\nto\n\n\n\ntre", "<div>en</div><div>to</div><div><br></div><div>tre</div>", "en\nto\n\ntre"),
        ("en\n\nto", "<div>en</div><div><br></div><div>to</div>", "en\n\nto"),
        # stubs, in any language
        ("Ihr E-Mail-Programm zeigt kein HTML an", "<p>Hallo</p>", "Hallo"),
        ("Votre logiciel ne lit pas ce message", "<p>Bonjour</p>", "Bonjour"),
        ("Ваш почтовый клиент не показывает письмо", "<p>Привет</p>", "Привет"),
        ("Min browser er gået ned", "<p>Min <b>browser</b> er gået ned</p>", "Min browser er gået ned"),
        # letters lost on the way to a small charset
        ("Zażółć g??l? ja??", "<p>Zażółć gęślą jaźń</p>", "Zażółć gęślą jaźń"),
        # everything of the plain text is history, but the page has words of its own
        (
            "Den 1. aug. 2026 kl. 10.00 skrev Bo <bo@else.example>:\n> citat",
            "<p>svar</p><blockquote type=cite>citat</blockquote>",
            "svar",
        ),
    ],
)
def test_of_two_alternatives_the_more_faithful_is_read(plain: str, html: str, text: str) -> None:
    utf8 = "Content-Type: text/{}; charset=utf-8\n\n{}"
    assert multipart("alternative", utf8.format("plain", plain), utf8.format("html", html)).text == text


@pytest.mark.proves("D8", "X1")
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("anna@firm.example<mailto:anna@firm.example>", "anna@firm.example"),
        ("www.firm.example<http://www.firm.example/>", "www.firm.example"),
        ("https://firm.example/a <https://firm.example/a>", "https://firm.example/a"),
        ("Tlf +45 70 10 20 30<tel:+4570102030>", "Tlf +45 70 10 20 30"),
        ("her<https://firm.example/a>", "her<https://firm.example/a>"),
        ("Anna\n[cid:image001.png@01DC]\nFirm", "Anna\nFirm"),
        ("Anna [image: logo.png]", "Anna"),
        ("a [b] c <d> e", "a [b] c <d> e"),
    ],
)
def test_marks_of_pictures_and_repeated_links_cost_nothing(raw: str, text: str) -> None:
    assert mail("", raw).text == text


@pytest.mark.proves("X1")
def test_html_names_its_own_charset_where_the_mail_does_not() -> None:
    page = b'<html><head><meta http-equiv="content-type" content="text/html; charset=windows-1251"></head><body>'
    content = b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + page + "Да, и <b>я</b>".encode("cp1251")
    assert parse(content).text == "Да, и я"


@pytest.mark.proves("X1")
def test_a_relay_that_dropped_the_mime_fields() -> None:
    children = "--x\nContent-Type: text/plain; charset=utf-8\n\nHej\n--x\nContent-Type: text/html\n\n<p>Hej</p>\n--x--"
    assert mail("", children).text == "Hej"
    assert mail("", "-- \nAnna").text == "-- \nAnna"


@pytest.mark.proves("X1")
def test_no_lone_surrogate_leaves_the_room() -> None:
    raw = b"From: a@b.example\r\nMessage-ID: <\xff@b>\r\nReferences: <a\xfe@b> <c@d>\r\nTo: \xff@b.example, e@f.example\r\n"
    parsed = parse(raw + b"Content-Type: text/plain; charset=utf-7\r\n\r\na+2AA-b")
    assert (parsed.message_id, parsed.references, parsed.text) == (None, ("c@d",), "ab")
    repr(parsed).encode("utf-8")
    odd = parse(b"From: a@b.example\r\nPrecedence: bulk;\xff\x1b\r\nContent-Type: x/\xff\xfe\r\n\r\nx")
    assert odd.automatic == "Precedence: bulk;ÿ"
    repr(odd).encode("utf-8")


@pytest.mark.proves("D8")
def test_attachments_are_named_and_decoration_is_not() -> None:
    parsed = multipart(
        "mixed",
        PLAIN + "en",
        "Content-Type: application/pdf; name*0*=utf-8''g%C3%A6; name*1=ster.pdf\n\nx",
        "Content-Type: image/png\nContent-Disposition: attachment; filename==?utf-8?Q?C:\\t=C3=A5g=0A.png?=\n\nx",
        "Content-Type: message/rfc822\n\nSubject: x\n\ny",
        "Content-Type: application/pgp-signature; name=signature.asc\n\nx",
        "Content-Type: text/x-vcard; charset=utf-8\n\nBEGIN:VCARD",
        "Content-Type: multipart/appledouble; boundary=c\n\n--c\nContent-Type: application/applefile\n\nx\n--c\n"
        "Content-Type: image/gif; name=a.gif\n\nx\n--c--",
        "Content-Type: multipart/related; boundary=d\n\n--d\nContent-Type: text/html\n\n<p>to</p>\n--d\n"
        "Content-Type: image/png; name=logo.png\nContent-ID: <1>\n\nx\n--d--",
    )
    assert parsed.attachments == ("gæster.pdf", "tåg .png", "message/rfc822", "text/x-vcard", "a.gif")
    assert parsed.text == "en\nto"


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ('multipart/mixed; boundary="b"', "en"),
        ("multipart/mixed; boundary=b ", "en"),
        ("multipart/mixed; BOUNDARY=b", "en"),
        ('multipart/mixed; charset=x; boundary = "b"', "en"),
        ('multipart/mixed; boundary*0=""; boundary*1=b', "en"),
        ('multipart/mixed; type="a;boundary=c"; boundary=b', "en"),
        ("multipart/mixed; boundary='b'", "en"),
        ("multipart/mixed", "en"),
        ('multipart/mixed; boundary=""', "en"),
        ("multipart/mixed; boundary=other", "en"),
    ],
)
def test_boundaries_as_they_are_written(content_type: str, text: str) -> None:
    assert typed(content_type, f"preamble\n--b \n{PLAIN}en\n--b--\t\n").text == text


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=koi8-r",
        "TEXT/PLAIN;CHARSET=KOI8-R",
        'text/plain (plain text); charset="koi8-r"',
        "text/plain; charset=koi8-r (Cyrillic)",
        "text/plain, charset=koi8-r",
        "text/plain charset=koi8-r",
        "text/plain; charset='koi8-r'; charset=utf-8",
        'text/plain; charset="koi8-r',
        "text; charset=koi8-r",
        "charset=koi8-r",
        ";charset=koi8-r",
        "text/plain;; charset = koi8-r;",
        "text/plain; charset*=us-ascii'en'koi8-r",
    ],
)
def test_content_type_as_it_is_written(content_type: str) -> None:
    head = f"From: a@b.example\r\nContent-Type: {content_type}\r\n\r\n".encode()
    assert parse(head + "Ёж".encode("koi8-r")).text == "Ёж"


@pytest.mark.proves("X1")
def test_a_multipart_without_any_boundary_is_text() -> None:
    assert typed("multipart/mixed; boundary=b", "bare tekst").text == "bare tekst"


@pytest.mark.proves("X1")
def test_a_line_that_only_begins_like_the_boundary_is_text() -> None:
    inner = "Content-Type: multipart/mixed; boundary=bb\n\n--bb\n\nindre\n--bb--"
    assert typed("multipart/mixed; boundary=b", f"--b\n\n--bad luck\n--b\n{inner}\n--b--").text == "--bad luck\nindre"


# --- text ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D8")
@pytest.mark.parametrize(
    ("flowed", "delsp", "text"),
    [
        ("en \nto", False, "en to"),
        ("en \nto", True, "ento"),
        ("en  \nto", True, "en to"),
        ("en\nto", False, "en\nto"),
        ("en \n\nto", False, "en \nto"),
        (" >ikke citat", False, f"{OWN_MARK}>ikke citat"),
        (" From x", False, "From x"),
        ("> en \n> to\nsvar", False, "> en to\nsvar"),
        ("> en \nsvar", False, "> en \nsvar"),
        (">> en \n> to", False, "> > en \n> to"),
        ("tekst \n-- \nAnna", False, "tekst \n-- \nAnna"),
        ("> -- \n> Bo", False, "> -- \n> Bo"),
        ("", False, ""),
    ],
)
def test_flowed(flowed: str, delsp: bool, text: str) -> None:
    assert unflow(flowed, delsp=delsp) == text


@pytest.mark.proves("D8")
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\x0bb\x0cc\u2028d\u2029e\x85f", "a\nb\nc\nd\ne\nf"),
        ("a\tb\u00a0c\u202fd", "a b c d"),
        ("a  \nb \n\n c\n\n", "a\nb\n\n c"),
        ("tekst\n-- \nAnna", "tekst\n-- \nAnna"),
        ("a\x00\x07\x1b[1mb\x7f\x9f", "a[1mb"),
        ("a\u200b\u200d\u2060\ufeff\u00adb", "ab"),
        ("\u202eabc\u202c\u200f", "abc"),
        ("\u200fשלום\u200f abc", "\u200fשלום\u200f abc"),
        ("👨\u200d👩\u200d👧 🏳️\u200d🌈", "👨\u200d👩\u200d👧 🏳️\u200d🌈"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("godt \uf04a", "godt :-)"),
        ("a\ufffdb", "a?b"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_invisible_characters_go_and_lines_stay(raw: str, text: str) -> None:
    assert clean(raw) == text


@pytest.mark.proves("D8")
@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        (b"caf\xe9 \x80", "iso-8859-1", "café €"),
        (b"caf\xc3\xa9", "iso-8859-1", "café"),
        (b"caf\xe9", "utf-8", "café"),
        (b"caf\xc3\xa9 \xc3\xb8 \xc3\xa5 \xe9", "utf-8", "café ø å \ufffd"),
        (b"caf\xe9", "no-such-thing", "café"),
        (b"caf\xe9", "", "café"),
        ("Привет".encode("cp1251"), "", "Привет"),
        ("Привет".encode("koi8-r"), "unknown-8bit", "Привет"),
        (b"\xff\xfea\x00", "us-ascii", "\ufeffa"),
        ("æø".encode("utf-16-le"), "utf-16", "æø"),
        ("aæ".encode("utf-16-be"), "utf-16", "aæ"),
        (b"Hi +AOY-", "UTF-7", "Hi æ"),
        (b"\xa4", "ISO_8859-15", "€"),
        (b"\xa4", "latin-9", "€"),
        (b"a \x96 b\x85", "iso-8859-15", "a – b…"),
        ("a \x96 b".encode(), "utf-8", "a – b"),
        ("æ\r\n".encode("utf-16-le") + b"\n", "utf-16le", "æ\r\n"),
        (b"abc", "punycode", "abc"),
        (b"abc", "zlib", "abc"),
        (b"<p>hej</p>", "utf-16", "<p>hej</p>"),
        (b"", "utf-16", ""),
    ],
)
def test_charsets(data: bytes, label: str, text: str) -> None:
    assert decode(data, label).removeprefix("\ufeff") == text.removeprefix("\ufeff")


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize(
    "label", ["punycode", "idna", "unicode_escape", "zlib", "rot13", "undefined", "os", "x" * 10_000]
)
def test_codecs_that_are_no_charsets_are_never_used(label: str) -> None:
    assert codec_for(label) is None


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    "label", ["UTF-8", "utf8", "US-ASCII", "cp-850", "IBM850", "windows-1258", "x-sjis", "EUC-KR", "X-MAC-CE"]
)
def test_labels_in_every_spelling(label: str) -> None:
    assert b"abc".decode(codec_for(label) or "") == "abc"


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("7bit", "abc", "abc"),
        ("BASE64", base64.b64encode("æ\r\nø".encode()).decode(), "æ\nø"),
        ("base64 (comment)", "w6Y", "æ"),
        ("base64", "w6Y=w7g=", "æø"),
        ("base64", "", ""),
        ("quoted-printable", "=C3=A6=\nb  =\nc", "æb  c"),
        ("Quoted-Printable;", "=e6", "æ"),
        ("base64", "Det er slet ikke base64, men ren tekst.", "Det er slet ikke base64, men ren tekst."),
        ("x-nonsense", "abc", "abc"),
        ("x-uuencode", "begin 644 a\n#86)C\n`\nend", "abc"),
    ],
)
def test_transfer_encodings(encoding: str, body: str, text: str) -> None:
    assert mail(f"Content-Transfer-Encoding: {encoding}\n", body).text == text


# --- sealed and signed ---------------------------------------------------------------------------------------------


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("-----BEGIN PGP SIGNED MESSAGE-----\n\nuden hash\n-----BEGIN PGP SIGNATURE-----\nx", "uden hash"),
        (
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\n- -- minus\n-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\nefter",
            "-- minus\nefter",
        ),
        ("foran\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\ninde\n\nto", "foran\ninde\n\nto"),
        ("svar\n\n-----BEGIN PGP MESSAGE-----\nx", "svar\n\n-----BEGIN PGP MESSAGE-----\nx"),
    ],
)
def test_pgp_in_the_text(body: str, text: str) -> None:
    assert mail("", body).text == text


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/encrypted; boundary=b", "--b\n\nx\n--b--"),
        ("multipart/mixed; boundary=b", "--b\nContent-Type: application/pgp-encrypted\n\nx\n--b--"),
        ("multipart/mixed; boundary=b", "--b\nContent-Type: application/x-microsoft-rpmsg-message\n\nx\n--b--"),
        ("text/plain", "\n-----BEGIN PGP MESSAGE-----\n\nx"),
    ],
)
def test_encrypted_mail_is_refused_in_words(kind: str, body: str) -> None:
    with pytest.raises(Refusal) as refusal:
        typed(kind, body)
    assert refusal.value.cause == "unreadable: encrypted mail cannot be read"
    assert (refusal.value.code, refusal.value.enhanced) == (554, "5.6.0")


@pytest.mark.proves("X1")
def test_certificates_alone_are_an_attachment() -> None:
    kind = 'application/pkcs7-mime; smime-type=certs-only; name="smime.p7c"'
    parsed = typed(
        "multipart/mixed; boundary=b", f"--b\n\nHer er mit certifikat\n--b\nContent-Type: {kind}\n\nx\n--b--"
    )
    assert (parsed.text, parsed.attachments) == ("Her er mit certifikat", ("smime.p7c",))
