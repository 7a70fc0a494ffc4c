"""Attachments that a person meant to send are told from decoration and signatures, and told of once."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace
from email.message import EmailMessage

import pytest

from gateway import attachments
from gateway.attachments import Attachments
from gateway.mail_compose import attachments_mail
from gateway.mail_parse import parse
from gateway.model import Attachment
from gateway.translation import LANGUAGES, translations
from tests.unit.test_mail_compose import ACCOUNT, DOMAIN, KEY, NOW, decoded, read

pytestmark = pytest.mark.proves("attachments")

LOGO, LARGE = b"\x89PNG" + b"l" * 4_000, b"\xff\xd8" + b"x" * 60_000
QUOTED = "Hej\n\nDen 23.11.2026 kl. 10.00 skrev Bo <bo@firm.example>:\n> Se billedet\n"


def written(text: str = "Hej") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["Subject"] = "anna@firm.example", "30643064"
    made.set_content(text)
    return made


def names(made: EmailMessage | bytes) -> list[str]:
    content = made if isinstance(made, bytes) else made.as_bytes()
    return [each.name for each in parse(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).attached]


def page(image: bytes, text: str = "Hej", **disposition: str) -> bytes:
    """A mail with a picture inside its page, as Outlook writes it."""
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in disposition.items())
    quoted = text.replace("\n", "<br>").replace("> ", "&gt; ")
    return (
        (
            "From: anna@firm.example\nSubject: 30643064\nMIME-Version: 1.0\n"
            'Content-Type: multipart/related; boundary="r"\n\n--r\n'
            'Content-Type: multipart/alternative; boundary="a"\n\n--a\nContent-Type: text/plain\n\n'
            f'{text}\n--a\nContent-Type: text/html\n\n<p>{quoted}</p><img src="cid:i@x">\n--a--\n'
            '--r\nContent-Type: image/png; name="image001.png"\nContent-Transfer-Encoding: base64\n'
            f"Content-ID: <i@x>\n{more}\n"
        ).encode()
        + base64.encodebytes(image)
        + b"--r--\n"
    )


@pytest.mark.parametrize("image", [LOGO, LARGE])
def test_what_was_attached_is_meant_whatever_its_size(image: bytes):
    made = written()
    made.add_attachment(image, "image", "jpeg", filename="foto.jpg")
    made.add_attachment(b"%PDF", "application", "pdf", filename="kort.pdf")
    assert names(made) == ["foto.jpg", "kort.pdf"]


@pytest.mark.parametrize(("image", "meant"), [(LOGO, []), (LARGE, ["image/jpeg"])])
def test_beside_the_text_a_small_one_is_a_logo(image: bytes, meant: list[str]):
    made = written()
    made.add_attachment(image, "image", "jpeg", disposition="inline")
    assert names(made) == meant


@pytest.mark.parametrize("disposition", [{}, {"Content_Disposition": "inline"}, {"Content_Disposition": "attachment"}])
@pytest.mark.parametrize(("image", "meant"), [(LOGO, []), (LARGE, ["image001.png"])])
def test_inside_the_page_a_small_one_is_a_logo(image: bytes, meant: list[str], disposition: dict[str, str]):
    assert names(page(image, **disposition)) == meant


def test_a_reply_carries_the_pictures_of_what_it_quotes():
    assert names(page(LARGE, QUOTED)) == []


def test_films_are_meant_as_well_and_contact_cards_and_signatures_are_not():
    made = written()
    made.add_attachment(b"film", "video", "mp4", filename="film.mp4")
    made.add_attachment("BEGIN:VCARD", "vcard", filename="anna.vcf")
    made.add_attachment(b"s", "application", "pkcs7-signature", filename="smime.p7s")
    made.add_attachment(b"s", "application", "octet-stream", filename="signature.ASC")
    assert names(made) == ["film.mp4"]


def test_files_that_apple_shows_in_the_text_are_meant():
    made = written("Se tilbud")
    made.add_attachment(b"%PDF", "application", "pdf", filename="tilbud.pdf", disposition="inline")
    assert names(made) == ["tilbud.pdf"]


def test_a_mail_that_was_attached_is_meant():
    made = written("Se hvad han skrev")
    made.add_attachment(written("Gammelt"))
    assert names(made) == ["message/rfc822"]


def tnef(*attributes: tuple[int, int, bytes]) -> bytes:
    """An envelope as MS-OXTNEF §2.1.3 describes it."""
    head = struct.pack("<IH", 0x223E9F78, 1)
    return head + b"".join(struct.pack("<BII", *each[:2], len(each[2])) + each[2] + b"\0\0" for each in attributes)


FORMATTING = (1, 0x00069003, b"mapi")
FILE = ((2, 0x00069002, b"r" * 14), (2, 0x00018010, "Tilbud å.pdf\0".encode("cp1252")), (2, 0x0006800F, b"%PDF"))


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        (tnef(FORMATTING), []),
        (tnef(FORMATTING, *FILE), ["Tilbud å.pdf"]),
        (tnef(*FILE, FILE[0], FORMATTING), ["Tilbud å.pdf", "winmail.dat"]),
        (tnef(FORMATTING, *FILE)[:60], ["winmail.dat"]),
        (tnef((1, 0, b""), (2, 0x00018010, b"lost.pdf\0")), []),
        (b"no envelope", []),
        (b"", []),
    ],
)
def test_an_outlook_envelope_counts_for_what_it_holds(content: bytes, meant: list[str]):
    made = written()
    made.add_attachment(content, "application", "ms-tnef", filename="winmail.dat")
    assert names(made) == meant


def test_each_attachment_is_told_of_once_to_each_account():
    known, first, second = Attachments(), Attachment("a.jpg", "1"), Attachment("b.jpg", "2")
    assert known.untold("A", [first, second]) == ("a.jpg", "b.jpg")
    known.told("A", [first])
    assert known.untold("A", [first, second]) == ("b.jpg",)
    assert known.untold("B", [first]) == ("a.jpg",)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attachments, "MANY", 3)
    known, many = Attachments(), [Attachment(f"{n}", f"{n}") for n in range(5)]
    known.told("A", many)
    assert known.untold("A", many) == ("0", "1")


def test_the_same_attachment_has_the_same_mark():
    marks = {parse(page(image)).attached[0].mark for image in (LARGE, LARGE, b"y" + LARGE)}
    assert len(marks) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_names_them_and_no_key(language: str):
    content = attachments_mail(
        account=replace(ACCOUNT, language=language),
        domain=DOMAIN,
        display_name="SMS",
        names=["foto.jpg", f"{KEY}\r\nBcc: x.png"],
        subject=f"30643064 {KEY}",
        message_id=f"m@{DOMAIN}",
        in_reply_to="orig@firma.dk",
        now=NOW,
    )
    mail = read(content)
    assert mail["Subject"] == translations(language).gettext("Your attachment was not sent along")
    assert (mail["In-Reply-To"], mail["Auto-Submitted"]) == ("<orig@firma.dk>", "auto-replied")
    assert "Bcc" not in mail
    told = mail.get_content()
    assert "foto.jpg, [key] Bcc: x.png" in told
    assert not any(KEY in text.lower() for text in decoded(mail))
