"""vCards: those of other people's programs are read, ours are read again as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import vcards
from campaigns.model import Contact, Point
from gateway.registry.errors import BadValue
from tests.stopwatch import cpu_seconds

pytestmark = pytest.mark.proves("vCards")

IPHONE = """BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Apple Inc.//iPhone OS 17.0//EN\r
N:Hansen;Åse;;;\r
FN:Åse Hansen\r
ORG:Firma\\, A/S;\r
EMAIL;type=INTERNET;type=HOME:aase@home.example\r
item1.EMAIL;type=INTERNET;type=pref:aase@firm.example\r
item1.X-ABLabel:_$!<Work>!$_\r
TEL;type=CELL;type=VOICE:20 30 40 50\r
TEL;type=HOME;type=VOICE;type=pref:+45 30 64 30 64\r
NOTE:a long one that\r
  is folded\r
END:VCARD\r
"""
OLD_PHONE = b"""BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=B8ller;S=C3=B8ren
TEL;CELL;PREF:+4530643064
EMAIL;INTERNET:soeren@firm.example
NOTE;ENCODING=QUOTED-PRINTABLE:one line=
 and another
END:VCARD
"""
GOOGLE = """BEGIN:VCARD
VERSION:4.0
FN:Bo
TEL;VALUE=uri;PREF=1;TYPE="voice,work":tel:+46-70-123-45-67;ext=5
TEL;PREF=2:+4520304050
CATEGORIES:VIP,two\\, three
LANG:sv
TZ:Europe/Stockholm
END:VCARD
BEGIN:VCARD
FN:Second
END:VCARD
"""


def test_cards_of_telephones_and_address_books():
    (iphone,) = vcards.read(IPHONE.encode())
    assert (iphone.name, iphone.first_name) == ("Åse Hansen", "Åse")
    assert iphone.phones == (Point("+45 30 64 30 64", "home"), Point("20 30 40 50", "cell"))
    assert iphone.emails == (Point("aase@firm.example"), Point("aase@home.example", "home"))
    (old,) = vcards.read(OLD_PHONE)
    assert (old.name, old.first_name) == ("Søren Møller", "Søren")
    assert (old.phones, old.emails) == ((Point("+4530643064", "cell"),), (Point("soeren@firm.example"),))
    first, second = vcards.read(GOOGLE.encode("utf-16"))
    assert [point.value for point in first.phones] == ["+46-70-123-45-67", "+4520304050"]
    assert (first.tags, first.language, first.zone) == (frozenset({"VIP", "two, three"}), "sv", "Europe/Stockholm")
    assert second.name == "Second"


@pytest.mark.parametrize("content", [b"", b"hello", b"BEGIN:VCARD\nFN:Bo\n"])
def test_what_holds_no_card_says_so(content: bytes):
    with pytest.raises(BadValue, match="no vCard"):
        vcards.read(content)


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(content: bytes):
    vcards.read(b"BEGIN:VCARD\nFN:x\n" + content + b"\nEND:VCARD\nBEGIN:VCARD\nEND:VCARD\n")


words = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=90)
    .map(str.strip)
    .filter(bool)
)


@given(words, words, st.frozensets(words, max_size=3), words)
def test_what_was_written_is_read_again(name: str, city: str, tags: frozenset[str], label: str):
    contact = Contact(
        1,
        name,
        "",
        (Point("+4530643064", "work"), Point("+4520304050")),
        (Point("a@firm.example"),),
        "da",
        "Europe/Copenhagen",
        False,
        False,
        {"city": city, "member": True},
        tuple(tags),
        (),
        (),
        0.0,
        0.0,
    )
    written = vcards.write(contact)
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    (read,) = vcards.read(written.encode())
    assert (read.name, read.attributes, read.tags) == (name, {"city": city, "member": "yes"}, tags)
    assert (read.phones, read.emails) == (contact.phones, contact.emails)


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode", "hex", "unicode_escape", "a\0b", "no-such"])
def test_a_charset_that_is_none_breaks_nothing(charset: str) -> None:
    card = f"BEGIN:VCARD\nFN;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:J=C3=B8rgen\nEND:VCARD\n"
    assert [each.name for each in vcards.read(card.encode())] == ["Jørgen"]


@pytest.mark.proves("hostile input costs little", "vCards")
@pytest.mark.parametrize("line", ["TEL" + ";a" * 200_000 + ":1", "TEL;PREF=" + "9" * 5_000 + ":+4530643064"])
@pytest.mark.stopwatch
def test_an_endless_line_is_read_soon(line: str) -> None:
    content = f"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Anna\r\n{line}\r\nEND:VCARD\r\n".encode()
    (card,) = vcards.read(content)
    assert card.name == "Anna"
    assert cpu_seconds(lambda: vcards.read(content), 0.2) < 0.2


SOFT_BREAKS = "NOTE;ENCODING=QUOTED-PRINTABLE:" + "a=\n" * 700_000
FOLDS = "NOTE:" + "a\n " * 700_000
HEAD = "NOTE;ENCODING=QUOTED-PRINTABLE" + ";a=\n" * 500_000


@pytest.mark.proves("hostile input costs little", "vCards")
@pytest.mark.parametrize("line", [SOFT_BREAKS, FOLDS, HEAD], ids=["soft breaks", "folds", "a head without an end"])
@pytest.mark.stopwatch
def test_a_line_of_many_pieces_is_read_as_soon_as_one_of_few(line: str) -> None:
    content = f"BEGIN:VCARD\nVERSION:2.1\n{line}\nFN:Anna\nEND:VCARD\n".encode()
    assert cpu_seconds(lambda: vcards.read(content), allowed=2.0) < 2.0


def test_quoted_printable_goes_on_in_the_next_lines() -> None:
    card = "BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:J=C3=B8r=\ngen=20=\r\nB=\n\nNOTE:a=\nTEL:+4530643064\nEND:VCARD\n"
    (read,) = vcards.read(card.encode())
    assert (read.name, read.phones) == ("Jørgen B", (Point("+4530643064"),))
    assert [each.name for each in vcards.read((card + "NOTE;QUOTED-PRINTABLE:a=").encode())] == ["Jørgen B"]
