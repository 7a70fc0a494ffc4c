"""Subjects as people and their mail clients write them: one number, lists, plain words, and answers."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway.numbers import display, to_e164
from gateway.subject import MESSAGE_FROM, read_subject
from tests.stopwatch import cpu_seconds

PETER, ANNA, OLE, SVEN, IVAN = "+4530643064", "+4520643064", "+4528797722", "+46701234567", "+79161234567"
TAGGED = "[SMS] Besked fra +45 30643064"

LISTS = [
    # one number
    ("30643064", [PETER]),
    ("30 64 30 64", [PETER]),
    ("3064 3064", [PETER]),
    ("30.64.30.64", [PETER]),
    ("30-64-30-64", [PETER]),
    ("30643064.", [PETER]),
    ("<30643064>", [PETER]),
    ("“30643064”", [PETER]),
    ("+4530643064", [PETER]),
    ("+45 30643064", [PETER]),
    ("+45\t30643064", [PETER]),
    ("(+45) 30 64 30 64", [PETER]),
    ("0045 30643064", [PETER]),
    ("45 30643064", [PETER]),
    ("4530643064", [PETER]),
    ("+45 (0) 30643064", [PETER]),
    ("\u202a+45 30 64 30 64\u202c", [PETER]),
    ("30\u00a064\u00a030\u00a064", [PETER]),
    ("+45\u201130\u201164\u201130\u201164", [PETER]),
    ("\uff13\uff10\uff16\uff14\uff13\uff10\uff16\uff14", [PETER]),
    ("46701234567", [SVEN]),
    ("0046 70-123 45 67", [SVEN]),
    ("+46 (0)70-123 45 67", [SVEN]),
    ("20112012", ["+4520112012"]),
    ("20 11 20 12", ["+4520112012"]),
    ("20.11.20.12", ["+4520112012"]),
    ("20-11-12-10", ["+4520111210"]),
    ("20 11 2012", ["+4520112012"]),
    ("30643064og20643064", [PETER, ANNA]),
    # lists
    ("30643064, 20643064", [PETER, ANNA]),
    ("30643064,20643064", [PETER, ANNA]),
    ("30643064,\t20643064,", [PETER, ANNA]),
    ("30643064; 20643064", [PETER, ANNA]),
    ("30643064/20643064", [PETER, ANNA]),
    ("30643064 / 20643064", [PETER, ANNA]),
    ("30643064 | 20643064", [PETER, ANNA]),
    ("30643064 & 20643064", [PETER, ANNA]),
    ("30643064 + 20643064", [PETER, ANNA]),
    ("30643064 - 20643064", [PETER, ANNA]),
    ("30643064\t20643064", [PETER, ANNA]),
    ("30643064 20643064", [PETER, ANNA]),
    ("30643064、20643064", [PETER, ANNA]),
    ("30643064 og 20643064", [PETER, ANNA]),
    ("30643064 and 20643064", [PETER, ANNA]),
    ("30643064 und 20643064", [PETER, ANNA]),
    ("30643064 et 20643064", [PETER, ANNA]),
    ("30643064 и 20643064", [PETER, ANNA]),
    ("30 64 30 64, 20 64 30 64", [PETER, ANNA]),
    ("30 64 30 64 20 64 30 64", [PETER, ANNA]),
    ("30 64 30 64 / 20 64 30 64 og 28 79 77 22", [PETER, ANNA, OLE]),
    ("3064 3064 2064 3064 2879 7722", [PETER, ANNA, OLE]),
    ("+4530643064+4520643064", [PETER, ANNA]),
    ("+45 30643064 +46 70 123 45 67 20643064", [PETER, SVEN, ANNA]),
    ("30643064 46701234567", [PETER, SVEN]),
    ("30643064, 30643064, +45 30 64 30 64, 20643064", [PETER, ANNA]),
    ("1. 30643064 2. 20643064", [PETER, ANNA]),
    ("1) 30643064, 2) 20643064", [PETER, ANNA]),
    # labels, names, prefixes
    ("tlf: 30643064", [PETER]),
    ("Tlf. 30 64 30 64", [PETER]),
    ("Mobil: +45 30 64 30 64", [PETER]),
    ("SMS til 30643064", [PETER]),
    ("sms til 30643064 og 20643064", [PETER, ANNA]),
    ("til: 30643064 cc: 20643064", [PETER, ANNA]),
    ("T30643064", [PETER]),
    ("tlf30643064", [PETER]),
    ("mobil nr. 30643064", [PETER]),
    ("№ 30643064", [PETER]),
    ("SV: 30643064", [PETER]),
    ("Re[2]: 30643064", [PETER]),
    ("RE: [EXTERN] 30643064", [PETER]),
    ("Peter Hansen 30643064", [PETER]),
    ("30643064 Peter", [PETER]),
    ("30643064 (Peter)", [PETER]),
    ("Peter (30 64 30 64)", [PETER]),
    ("Peter [30643064]", [PETER]),
    ("Peter - 30643064", [PETER]),
    ("Peter Hansen 30643064; Anna <+45 20643064>", [PETER, ANNA]),
    ("Til Peter (30 64 30 64) og Anna (20 64 30 64)", [PETER, ANNA]),
    ("Peter 30643064 Anna 20643064", [PETER, ANNA]),
    ("Hej 30643064!", [PETER]),
    ("Til 30643064 om mødet 20-02-2012 kl. 12.30", [PETER]),
    ("30643064 - vedr. faktura 20643065", [PETER]),
    ("Ordre 118, 30643064", [PETER]),
    ("Ordre 2024-118 30643064", [PETER]),
    ("Anna 20643064 2nd", [ANNA]),
    ("a20643065@x.example, 30643064", [PETER]),
    ("30643064@sms.example.com, Anna <+4520643064@sms.example.com>", [PETER, ANNA]),
    ("30643064_20643064", [PETER, ANNA]),
    ("tlf_30643064", [PETER]),
    ("tel:+45-30643064,tel:+45-20643064", [PETER, ANNA]),
    ("+45 3064-3064 eller 2064-3064", [PETER, ANNA]),
    ("Peter: 30643064, Anna: 20643064", [PETER, ANNA]),
    ("Uge 47 30643064", [PETER]),
]


@pytest.mark.proves("D8", "D9", "D10")
@pytest.mark.parametrize(("subject", "numbers"), LISTS)
def test_lists(subject, numbers):
    reading = read_subject(subject, "DK", "SMS")
    assert reading.numbers == tuple(numbers)
    assert reading.rejected == ()
    assert reading.answer is None


WORDS = [
    "",
    " ",
    "-",
    "?!",
    "Hej",
    "Møde kl. 12:30 den 19-02-2012",
    "Møde den 20-02-2012",
    "Møde 20.02.2012",
    "Møde 20/2-2012",
    "Møde 20/02/12",
    "Møde 20 02 2012",
    "Møde 2024-11-23",
    "Møde 2024/11/23 12:30:15",
    "Meeting 11/23/2024",
    "kl. 20.30-21.30",
    "kl 2030-2130",
    "kl. 20643064",
    "Åbent 20:30 - 21:30",
    "Uge 47 2026",
    "Ordre 2024-118",
    "Ordre 20643064",
    "Ordre: 20643064",
    "Faktura_20643064",
    "20643064_a.pdf",
    "Ordre nr. 20643064",
    "ordrenr: 20643064",
    "Order no 20643064",
    "Rechnung 20643064",
    "Заказ 20643064",
    "Sag #20643064",
    "Sag 2024-1118",
    "[Ticket#20643064] Hej",
    "#20643064",
    "Projektet 2024-1118",
    "Referat 2024-1118",
    "CVR 20643064",
    "Kunde nr. 20643064",
    "kundenummer 20643064",
    "Konto 20643064",
    "INV-20643064",
    "X_20643064",
    "A20643064",
    "20643064x",
    "Pris 20.643.064,00 kr",
    "Tilbud: kr. 20643064",
    "20643064 DKK",
    "€20643064",
    "Rabat 20643064%",
    "https://x.example/20643064",
    "se www.x.example/20643064",
    "anna.20643064@x.example skriver",
    "Peter 3064306",
    "EAN 5790000123456",
    "Version 20.64.30.64",
    "Re: Fwd: SV: aftale",
    "Møde 12 personer, 3 biler",
    "RE: 100 % sikker",
]


@pytest.mark.proves("D8", "D12")
@pytest.mark.parametrize("subject", WORDS)
def test_words_dates_times_prices_and_case_numbers_are_no_phones(subject):
    reading = read_subject(subject, "DK", "SMS")
    assert (reading.numbers, reading.rejected, reading.answer) == ((), (), None)


REJECTED = [
    ("30643064, 123", [PETER], ["123"]),
    ("30643064,12", [PETER], ["12"]),
    ("30643064 og 123", [PETER], ["123"]),
    ("SV: 30643064, 12", [PETER], ["12"]),
    ("123", [], ["123"]),
    ("3064306", [], ["3064306"]),
    ("tlf: 3064306", [], ["3064306"]),
    ("306430641", [], ["306430641"]),
    ("20-02-2012", [], ["20-02-2012"]),
    ("30643064, 20-02-2012", [PETER], ["20-02-2012"]),
    ("+45 30643064 123", [PETER], ["123"]),
    ("3064306, 2064306", [], ["3064306", "2064306"]),
    # a country code is never dropped to make what follows fit
    ("+46 30643064", [], ["+46 30643064"]),
    ("0046 30643064", [], ["0046 30643064"]),
    ("+46 30 64 30 64", [], ["+46 30 64 30 64"]),
    ("+46 30643064 20643064", [ANNA], ["+46 30643064"]),
    ("+46 30643064, 20643064", [ANNA], ["+46 30643064"]),
    ("Peter +46 30643064", [], ["+46 30643064"]),
    ("+999 30643064", [], ["+999 30643064"]),
    # a missing digit never shifts the cut to somebody else's number
    ("30 64 30 6 20 64 30 64", [ANNA], ["30 64 30 6"]),
    ("30 64 30 20 64 30 64", [], ["30 64 30 20 64 30 64"]),
    ("Til 30 64 30 20 64 30 64", [], ["30 64 30 20 64 30 64"]),
    ("30643064 20 64 30 28 79 77 22", [PETER], ["20 64 30 28 79 77 22"]),
    # among words: what stands in a list, or has a country code
    ("Vej 20 30 64 30 64", [], ["20 30 64 30 64"]),
    ("Peter 30643064; Anna 2064306", [PETER], ["2064306"]),
    ("Peter 30643064, Anna 206430641", [PETER], ["206430641"]),
    ("Peter +45 3064306", [], ["+45 3064306"]),
    # a letter among the digits is a slip, and somebody is meant all the same
    ("30643064, 4050607o", [PETER], ["4050607o"]),
    ("30643064; 3O643065", [PETER], ["3O643065"]),
    ("30643064, 4O5O6O7O", [PETER], ["4O5O6O7O"]),
    ("3O 64 30 64", [], ["3O 64 30 64"]),
    ("3064306l", [], ["3064306l"]),
    ("Galaxy S8 30643064", [PETER], []),
    ("BOSS 1234567, lokale B12", [], []),
    # our own pool numbers are senders
    ("+45609946000000", [], ["+45609946000000"]),
    ("30643064, 45609946000000", [PETER], ["45609946000000"]),
]


@pytest.mark.proves("D8", "D9")
@pytest.mark.parametrize(("subject", "numbers", "rejected"), REJECTED)
def test_what_was_meant_as_a_number_is_rejected_by_name(subject, numbers, rejected):
    reading = read_subject(subject, "DK", "SMS")
    assert list(reading.numbers) == numbers
    assert [error.text for error in reading.rejected] == rejected
    assert all(error.reason for error in reading.rejected)


FOREIGN = [
    ("SE", "070-123 45 67, 073-765 43 21", ["+46701234567", "+46737654321"]),
    ("SE", "070-123 45 67 073-765 43 21", ["+46701234567", "+46737654321"]),
    ("NO", "912 34 567 412 34 567", ["+4791234567", "+4741234567"]),
    ("NO", "+47 91234567 og 4741234567", ["+4791234567", "+4741234567"]),
    ("DE", "0171/2345678 0172/2345678", ["+491712345678", "+491722345678"]),
    ("DE", "Herr Schmidt 0171 2345678", ["+491712345678"]),
    ("FR", "06 12 34 56 78 06 12 34 56 79", ["+33612345678", "+33612345679"]),
    ("FR", "06.12.34.56.78 / 06.12.34.56.79", ["+33612345678", "+33612345679"]),
    ("RU", "8 (916) 123-45-67, 8 916 123 45 68", ["+79161234567", "+79161234568"]),
    ("RU", "Иван +7 916 123-45-67 и Анна 8 916 123-45-68", ["+79161234567", "+79161234568"]),
    ("IT", "312 345 6789 / 312 345 6788", ["+393123456789", "+393123456788"]),
    ("US", "(201) 555-0123 (201) 555-0124", ["+12015550123", "+12015550124"]),
    ("US", "011 45 30643064", [PETER]),
    ("AT", "+43 664 124581 0664 122517 +43664121111", ["+43664124581", "+43664122517", "+43664121111"]),
    ("AT", "+43 664 122934 / 0664 122207", ["+43664122934", "+43664122207"]),
    ("GB", "07400 123456 07400 123457", ["+447400123456", "+447400123457"]),
    ("ZZ", "+45 30643064, 0045 20643064", [PETER, ANNA]),
]


@pytest.mark.proves("D9")
@pytest.mark.parametrize(("region", "subject", "numbers"), FOREIGN)
def test_other_regions(region, subject, numbers):
    reading = read_subject(subject, region, "SMS")
    assert (list(reading.numbers), reading.rejected) == (numbers, ())


@pytest.mark.proves("D9")
@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
@pytest.mark.parametrize("style", [PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL])
def test_every_regions_example_in_a_list(region, style):
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    example = example or phonenumbers.example_number(region)
    written = phonenumbers.format_number(example, style)
    expected = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    for subject in (written, f"{written}, +7 9161234567", f"Peter {written}", f"+79161234567 {written}"):
        reading = read_subject(subject, region, "SMS")
        assert expected in reading.numbers, subject
        assert set(reading.numbers) <= {expected, IVAN}, subject
        assert reading.rejected == (), subject


# --- answers -------------------------------------------------------------------------------------------------------

PREFIXES = [
    "",
    *(
        "SV: ",
        "Sv: ",
        "RE: ",
        "Re: ",
        "re:",
        "Re : ",
        "Re\u00a0: ",
        "RE\uff1a",
        "Re[2]: ",
        "Re^3: ",
        "Re(2): ",
        "AW: ",
        "Aw: ",
    ),
    *(
        "Antw: ",
        "Antwort: ",
        "VS: ",
        "Vs: ",
        "VB: ",
        "Ответ: ",
        "ОТВ: ",
        "HA: ",
        "На: ",
        "RIF: ",
        "R: ",
        "RES: ",
        "TR: ",
        "Odp: ",
    ),
    *(
        "SV: SV: ",
        "SV: RE: AW: ",
        "SV: [EXT] RE: ",
        "RE: [EXTERN] ",
        "[EXTERNAL] Re: ",
        "[EXTERN E-MAIL] SV: ",
        "***SPAM*** Re: ",
    ),
    *(
        "Fwd: ",
        "FW: ",
        "WG: ",
        "ПЕР: ",
        "Doorst: ",
        "Accepted: ",
        "Automatisk svar: ",
        "回复: ",
        "答复：",
        "(Ekstern) SV: ",
        "> ",
    ),
]


@pytest.mark.proves("D12")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("language", sorted(MESSAGE_FROM))
def test_answers_are_known_behind_any_prefix_in_any_language(prefix, language):
    subject = f"{prefix}[SMS] {MESSAGE_FROM[language]} {display(SVEN)}"
    reading = read_subject(subject, "DK", "SMS")
    assert (reading.answer, reading.numbers, reading.rejected) == (SVEN, (), ())


@pytest.mark.proves("D11", "D12")
@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_answers_to_every_region_from_every_region(region):
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    number = phonenumbers.format_number(example or phonenumbers.example_number(region), PhoneNumberFormat.E164)
    for home in ("DK", region):
        subject = f"SV: [SMS] {MESSAGE_FROM['da']} {display(number)}"
        assert read_subject(subject, home, "SMS").answer == number
        assert read_subject(subject.replace("+", ""), home, "SMS").answer == number


REWRITTEN = [
    "SV: [sms] besked fra +45 30643064",
    "SV: [SMS] BESKED FRA +45 30643064",
    "SV: [ SMS ] Besked fra +45 30643064",
    "SV: [SMS]Besked fra:+4530643064",
    "SV: [SMS] Besked fra +45\u00a030643064",
    "SV: [SMS] Besked fra +45\t30643064",
    "SV: [SMS]  Besked  fra  +45  30643064",
    "SV: [SMS] Besked fra \u202a+45 30643064\u202c",
    "SV: [SMS] Besked fra +45 30 64 30 64",
    "SV: [SMS] Besked fra (+45) 30643064",
    "SV: [SMS] Besked fra 0045 30643064",
    "SV: [SMS] Besked fra 45 30643064",
    "SV: [SMS] Besked fra 4530643064",
    "SV: [SMS] Besked fra 30643064",
    "SV: [SMS] Besked fra <+45 30643064>",
    'SV: "[SMS] Besked fra +45 30643064"',
    "SV: \uff3bSMS\uff3d Besked fra +45 30643064",
    "SV: [SMS] Viesti numerosta +45 30643064",
    "SV: [SMS] +45 30643064",
    "SV: [SMS] Besked fra +45 30643064 (2)",
    "SV: [SMS] Besked fra +45 30643064 - ordre 118",
    "SV: [SMS] Besked fra +45 30643064 den 20-02-2012",
    "SV: [SMS] Besked fra +45 30643064 [SMS] Besked fra +45 30643064",
    "SV: [SMS] Besked fra +45 30643064, 30643064",
    "SV: [Ticket#12345678] [SMS] Besked fra +45 30643064",
]


@pytest.mark.proves("D12")
@pytest.mark.parametrize("subject", REWRITTEN)
def test_answers_that_a_client_or_person_has_rewritten(subject):
    reading = read_subject(subject, "DK", "SMS")
    assert (reading.answer, reading.numbers, reading.rejected) == (PETER, (), ())


@pytest.mark.proves("D10", "D12")
@pytest.mark.parametrize(
    ("subject", "numbers", "rejected"),
    [
        (f"SV: {TAGGED}, 20643064", [ANNA], []),
        (f"SV: {TAGGED}; Anna 20 64 30 64", [ANNA], []),
        (f"SV: {TAGGED} 20643064", [ANNA], []),
        (f"SV: {TAGGED} og +46701234567", [SVEN], []),
        (f"20643064, SV: {TAGGED}", [ANNA], []),
        (f"20643064; SV: {TAGGED}, 28797722", [ANNA, OLE], []),
        (f"SV: {TAGGED}, 2064306", [], ["2064306"]),
        (f"SV: {TAGGED}, +45 2064306", [], ["+45 2064306"]),
    ],
)
def test_further_recipients_beside_an_answer(subject, numbers, rejected):
    reading = read_subject(subject, "DK", "SMS")
    assert reading.answer == PETER
    assert list(reading.numbers) == numbers
    assert [error.text for error in reading.rejected] == rejected


@pytest.mark.proves("D12")
@pytest.mark.parametrize(
    "subject",
    [
        "SV: [SMS] Besked fra Telmore",
        "SV: [SMS] Besked fra 1919",
        "SV: [SMS] Møde kl. 12:30",
        "SV: SMS Besked fra Telmore",
        "SV: [SMS] Besked fra (ukendt)",
        "[SMS",
        "[SMS]",
        "SMS]",
    ],
)
def test_tags_without_a_phone_answer_nobody(subject):
    reading = read_subject(subject, "DK", "SMS")
    assert (reading.answer, reading.numbers, reading.rejected) == (None, (), ())


@pytest.mark.proves("D12")
def test_a_cut_off_number_is_rejected_not_guessed():
    reading = read_subject("SV: [SMS] Besked fra +45 306430", "DK", "SMS")
    assert (reading.answer, reading.numbers) == (None, ())
    assert [error.text for error in reading.rejected] == ["+45 306430"]


@pytest.mark.proves("D12")
@pytest.mark.parametrize("tag", ["SENDMAILSMS", "a.b*c", "[x]", "Løsning", "SMS 1919"])
def test_any_tag_is_taken_literally(tag):
    assert read_subject(f"SV: [{tag.upper()}] Besked fra +45 30643064", "DK", tag).answer == PETER
    assert read_subject("SV: [OTHER] Besked fra +45 30643064", "DK", tag).answer is None


@pytest.mark.proves("D12")
def test_without_a_tag_nothing_is_an_answer():
    reading = read_subject("[] Besked fra +45 30643064", "DK", "")
    assert (reading.answer, reading.numbers) == (None, (PETER,))


# --- bounds --------------------------------------------------------------------------------------------------------

HOSTILE = {
    "list": ",".join(f"3064{number:04d}" for number in range(10_000)),
    "spaces only": " ".join(f"3064{number:04d}" for number in range(10_000)),
    "foreign": " ".join(f"4670{number:07d}" for number in range(8_000)),
    "single digits": "1 " * 50_000,
    "pairs": "12 34 " * 16_000,
    "one long number": "1" * 100_000,
    "plus": "+" * 100_000,
    "plus and brackets": "+ ( " * 25_000,
    "brackets": "(1" * 50_000,
    "dates": "20-02-2012 " * 9_000,
    "dots": "1.2-" * 25_000,
    "letters": "a" * 100_000,
    "letters and digits": "x1 " * 33_000,
    "tags": "[SMS] x " * 12_000,
    "tags and digits": "[SMS] 45 123 " * 8_000,
    "prefixes": "SV: " * 25_000,
    "brackets open": "[" * 100_000,
    "at signs": "a@" * 50_000,
    "one long word and an at sign": "a" * 99_999 + "@",
    "ligatures that grow": "\ufdfa" * 100_000,
    "foreign digits": "\u0661 " * 50_000,
    "prices": "kr 1234 " * 12_000,
    "case numbers": "ordre nr 1234 " * 7_000,
    "blanks": "1" + " " * 99_998 + "1",
}


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_huge_subject_costs_little_and_is_not_silently_cut(name):
    reading = read_subject(HOSTILE[name], "DK", "SMS")
    assert cpu_seconds(lambda: read_subject(HOSTILE[name], "DK", "SMS"), 0.02) < 0.02
    assert len(reading.numbers) <= 400
    assert [error.reason for error in reading.rejected] == ["the subject is too long"]


@pytest.mark.proves("D8")
def test_more_numbers_than_are_read_are_not_silently_dropped():
    reading = read_subject(",".join(f"3064{number:04d}" for number in range(450)), "DK", "SMS")
    assert len(reading.numbers) == 400
    assert [error.reason for error in reading.rejected] == ["the subject is too long"]


@pytest.mark.proves("D8")
def test_a_list_of_two_hundred_is_read_whole():
    numbers = [f"+453064{number:04d}" for number in range(200)]
    for subject in (", ".join(numbers), "; ".join(f"Peter Hansen <{number}>" for number in numbers)):
        assert read_subject(subject, "DK", "SMS").numbers == tuple(numbers)


@pytest.mark.proves("D8", "D12")
@given(
    st.text(max_size=200)
    | st.text("0123456789+-() ./,;x\t[]:", max_size=120)
    | st.lists(
        st.sampled_from(["30643064", "+45", " ", ", ", "123", "[SMS]", "SV:", "kl", "og", "20-02-2012", "(0)", "00"])
    ).map("".join),
    st.sampled_from(["DK", "SE", "DE", "IT", "US", "RU", "ZZ"]),
)
def test_whatever_is_written_gives_valid_numbers_once(subject, region):
    reading = read_subject(subject, region, "SMS")
    found = [*reading.numbers, *filter(None, [reading.answer])]
    assert len(found) == len(set(found))
    assert all(to_e164(number, "ZZ") == number for number in found)
