"""What a text costs, what is written plainer to cost less, where it is cut, and its bytes."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import too_many_parts
from gateway.sms import Encoding
from gateway.sms_text import describe_forced, from_septets, from_ucs2, measure, prepare, septets, split, ucs2

pytestmark = pytest.mark.proves("D8")

BASIC = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABYZÄÖÑÜ§¿abyzäöñüà"
EXTENSION = "^{}\\[~]|€\f"
MIXED = st.text(alphabet=BASIC + EXTENSION) | st.text(alphabet=BASIC + EXTENSION + "ж–😀\u0301") | st.text()


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "units"),
    [
        ("", Encoding.GSM7, 1, 0),
        ("a" * 160, Encoding.GSM7, 1, 160),
        ("a" * 161, Encoding.GSM7, 2, 161),
        ("a" * 306, Encoding.GSM7, 2, 306),
        ("a" * 307, Encoding.GSM7, 3, 307),
        ("€" * 80, Encoding.GSM7, 1, 160),
        ("€" * 81, Encoding.GSM7, 2, 162),
        ("€" * 152, Encoding.GSM7, 2, 304),
        ("€" * 153, Encoding.GSM7, 3, 306),
        ("a" * 152 + "€" + "a" * 152, Encoding.GSM7, 3, 306),
        ("a" * 151 + "€" + "a" * 153, Encoding.GSM7, 2, 306),
        ("æøåÆØÅéèàäöüñßÇ£¥§", Encoding.GSM7, 1, 18),
        ("a\r\nb\rc\nd", Encoding.GSM7, 1, 7),
        ("ж" * 70, Encoding.UCS2, 1, 70),
        ("ж" * 71, Encoding.UCS2, 2, 71),
        ("ж" * 134, Encoding.UCS2, 2, 134),
        ("ж" * 135, Encoding.UCS2, 3, 135),
        ("😀" * 35, Encoding.UCS2, 1, 70),
        ("😀" * 36, Encoding.UCS2, 2, 72),
        ("😀" * 66, Encoding.UCS2, 2, 132),
        ("😀" * 67, Encoding.UCS2, 3, 134),
        ("ж" * 66 + "😀" + "ж" * 66, Encoding.UCS2, 3, 134),
        ("ç", Encoding.UCS2, 1, 1),
        ("a\tb", Encoding.UCS2, 1, 3),
        ("\x1b", Encoding.UCS2, 1, 1),
        ("\ud83d", Encoding.UCS2, 1, 1),
    ],
)
def test_costs(text, encoding, parts, units):
    measured = measure(text)
    assert (measured.encoding, measured.parts, measured.units) == (encoding, parts, units)


@pytest.mark.parametrize(
    ("text", "composed"),
    [("A\u030a og a\u030a", "Å og å"), ("e\u0301", "é"), ("\u212b", "Å"), ("\u2126", "Ω"), ("o\u0308", "ö")],
)
def test_decomposed_letters_count_as_one(text, composed):
    measured = measure(text)
    assert (measured.text, measured.encoding, measured.units) == (composed, Encoding.GSM7, len(composed))


def test_lone_surrogates_cannot_leave():
    assert measure("a\ud83db").text == "a\ufffdb"
    assert ucs2(measure("\udcff").text) == b"\xff\xfd"


def test_the_characters_that_force_ucs2_are_named_once_in_order():
    assert measure("zał łąz 😀ł").forced_by == ("ł", "ą", "😀")
    assert measure("æøå €").forced_by == ()


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("abc", ""),
        ("ał", "U+0142 (LATIN SMALL LETTER L WITH STROKE)"),
        ("łąę", "U+0142 (LATIN SMALL LETTER L WITH STROKE) and 2 more"),
        ("😀", "U+1F600 (GRINNING FACE)"),
        ("\x00", "U+0000"),
    ],
)
def test_the_refusal_names_the_character_in_ascii(text, described):
    assert str(describe_forced(measure(text))) == described
    assert described in too_many_parts(9, 8, describe_forced(measure(text))).smtp_reply


@pytest.mark.proves("refusals help")
@pytest.mark.parametrize(
    ("parts", "forced", "words"),
    [
        (14, "", "at most 8 are allowed, which is some 1200 characters; yours has some 2100: shorten it"),
        (9, "U+0142", "which is some 530 characters; yours has some 600: shorten it; U+0142 forces 70"),
    ],
)
def test_a_text_that_is_too_long_is_told_in_characters(parts, forced, words):
    assert words in too_many_parts(parts, 8, forced).smtp_reply


# --- smart ---------------------------------------------------------------------------------------------------------

LONG = "Hej Peter, mødet er flyttet til onsdag. Venlig hilsen Åse Æble og Ørn. "


@pytest.mark.parametrize(
    ("text", "plainer"),
    [
        ("“Hej” ‘du’ „sie“ «oui» ‹non›", '"Hej" \'du\' "sie" "oui" \'non\''),
        ("det’s", "det's"),
        ("1990–1995 — ja − nej ‑ ‐", "1990-1995 - ja - nej - -"),
        ("vent…", "vent..."),
        ("• et ‣ to ● tre", "- et - to - tre"),
        ("10\u00a0000\u202fkr\u2009nu\u3000", "10 000 kr nu "),
        ("a\tb\u2028c\x0bd", "a b\nc\nd"),
        ("so\u00adft\u200b\ufeff\u2060", "soft"),
        ("\u200emøde\u200f", "møde"),
        ("ﬁnt ﬂot ĳs", "fint flot ijs"),
        ("Ｈｅｊ　１２", "Hej 12"),
        ("𝐇𝐞𝐣", "Hej"),
        ("№ 5 ™ © ® 2×3 → ←", "No 5 (TM) (c) (R) 2x3 -> <-"),
        ("´`ʼ", "'''"),
        ("‼ ⁇", "!! ??"),
    ],
)
def test_typography_is_written_plainer_where_that_saves_parts(text, plainer):
    prepared = prepare(LONG + text, smart=True)
    assert prepared.text == LONG + plainer
    assert prepared.encoding is Encoding.GSM7
    assert prepared.parts < measure(LONG + text).parts
    assert prepare(LONG + text, smart=False) == measure(LONG + text)


@pytest.mark.parametrize(
    "text",
    ["ł", "ó", "ç", "ê", "Ж", "中", "😀", "❤️", "½", "m²", "①", "°", "µ", "±", "≤", "%‰", "👨‍👩‍👧", "α", "ı", "Đ"],
)
def test_letters_signs_and_emoji_are_never_replaced(text):
    whole = f"{LONG}“{text}” – …"
    assert prepare(whole, smart=True) == measure(whole)
    assert text in prepare(whole, smart=True).text


@pytest.mark.parametrize("text", ["“Hej”", "det’s – ok …", "• " * 20])
def test_nothing_is_replaced_where_no_part_is_saved(text):
    assert prepare(text, smart=True) == measure(text)
    assert prepare(text, smart=True).text == text


def test_letters_in_the_alphabet_stay_as_they_are():
    text = "æøåÆØÅäöüÄÖÜñÑéèùìòàÇßΔΦΓΛΩΠΨΣΘΞ¿¡§£¥¤€" * 4
    assert prepare(f"{text}…", smart=True).text == f"{text}..."


def test_a_longer_writing_that_saves_nothing_is_not_taken():
    text = "…" * 70 + "a"
    assert prepare(text, smart=True).parts <= measure(text).parts
    assert prepare("…" * 134, smart=True).text == "…" * 134


@pytest.mark.parametrize("smart", [True, False])
def test_control_characters_do_not_leave(smart):
    prepared = prepare("\x00Hej\x07 \x1b[1mPeter\x7f\x9f\r\nx\x0cy", smart=smart)
    assert (prepared.text, prepared.encoding) == ("Hej [1mPeter\nx\x0cy", Encoding.GSM7)


@given(MIXED, st.booleans())
def test_preparing_never_costs_more_and_happens_once(text, smart):
    prepared = prepare(text, smart=smart)
    assert prepared.parts <= measure(text).parts
    assert prepare(prepared.text, smart=smart) == prepared


# --- cutting -------------------------------------------------------------------------------------------------------


@given(st.one_of(MIXED, st.tuples(MIXED, st.integers(1, 40)).map(lambda pair: pair[0] * pair[1])))
@example("a" * 152 + "€" * 80)
@example("ж" * 66 + "😀" * 80)
@example("ж" * 67 + "\ufeff" + "ж" * 80)
@example("ж" * 67 + "\ufffe" + "ж" * 80)
def test_parts_join_to_the_text_and_each_fits(text):
    measured = measure(text)
    parts = split(measured)
    assert "".join(parts) == measured.text
    assert len(parts) == measured.parts
    gsm7 = measured.encoding is Encoding.GSM7
    single, each = (160, 153) if gsm7 else (70, 67)
    costs = [len(septets(part)) if gsm7 else len(ucs2(part)) // 2 for part in parts]
    assert sum(costs) == measured.units
    assert max(costs) <= (single if len(parts) == 1 else each)
    assert len(parts) == 1 or all(costs)
    assert gsm7 == (measured.forced_by == ())
    if not gsm7:
        for part in parts:
            part.encode("utf-16-be")


# --- bytes ---------------------------------------------------------------------------------------------------------


def test_septets_are_those_of_the_standard():
    assert septets("@£$¥èéùìòÇ\nØø\rÅå") == bytes(range(16))
    assert septets("Δ_ΦΓΛΩΠΨΣΘΞ") == bytes(range(0x10, 0x1B))
    assert septets("ÆæßÉ") == bytes(range(0x1C, 0x20))
    assert septets("¡ÄÖÑÜ§¿äöñüà¤") == bytes.fromhex("405b5c5d5e5f607b7c7d7e7f24")
    assert septets("Az09 ") == b"Az09 "
    assert septets("\f^{}\\[~]|€") == bytes.fromhex("1b0a1b141b281b291b2f1b3c1b3d1b3e1b401b65")


@pytest.mark.parametrize("text", ["ж", "a😀", "\x1b", "\t", "ç"])
def test_what_is_not_in_the_alphabet_has_no_septets(text):
    with pytest.raises(UnicodeEncodeError):
        septets(text)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (bytes(range(27)), "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ"),
        (b"\x1b\x65", "€"),
        (b"\x1ba", "a"),
        (b"a\x1b", "a "),
        (b"\x1b\x1b\x65", " e"),
        (b"\xc8ej", "Hej"),
    ],
)
def test_septets_are_read_as_a_phone_would(data, text):
    assert from_septets(data) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\x04\x16", "Ж"),
        (b"\xd8\x3d\xde\x00", "😀"),
        (b"\xfe\xff\x04\x16", "Ж"),
        (b"\xff\xfe\x16\x04", "Ж"),
        (b"\x04\x16\x04", "Ж\ufffd"),
        (b"\xd8\x3d", "\ufffd"),
    ],
)
def test_ucs2_is_read_whatever_comes(data, text):
    assert from_ucs2(data) == text


@given(st.binary())
def test_decoding_never_fails(data):
    assert isinstance(from_septets(data), str)
    from_ucs2(data).encode()


@given(st.text(alphabet=BASIC + EXTENSION + "\r"))
def test_septets_come_back(text):
    assert from_septets(septets(text)) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\ufffe")))
def test_ucs2_comes_back(text):
    assert from_ucs2(ucs2(text)) == text


@pytest.mark.stopwatch
def test_a_text_costs_microseconds():
    text = (LONG * 3)[:160]
    best = 1.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(100):
            prepare(text, smart=True)
        best = min(best, (time.perf_counter() - started) / 100)
    assert best < 15e-6


@pytest.mark.stopwatch
@pytest.mark.parametrize("text", ["a" * 1_000_000, "€" * 500_000, "ж“" * 500_000, "a\u0301" * 300_000, "…" * 1_000_000])
def test_a_huge_text_is_measured_in_no_time(text):
    started = time.process_time()
    prepare(text, smart=True)
    assert time.process_time() - started < 2
