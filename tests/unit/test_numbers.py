"""Numbers in every writing, against phonenumbers' own examples of every region, and the ranges of the pool."""

from __future__ import annotations

import time

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from phonenumbers.shortnumberinfo import _example_short_number

from gateway.numbers import (
    NumberError,
    NumberRange,
    could_be_number,
    display,
    from_local_part,
    plain,
    region_of,
    to_e164,
)

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
ANY_REGION = st.sampled_from(REGIONS)

WRITINGS = [
    ("30643064", "DK", "+4530643064"),
    ("+45 30 64 30 64", "DK", "+4530643064"),
    ("+4530643064", "SE", "+4530643064"),
    ("004530643064", "DK", "+4530643064"),
    ("00 45 30643064", "DK", "+4530643064"),
    ("0045-30643064", "US", "+4530643064"),
    ("+0045 30643064", "DK", "+4530643064"),
    ("+ 45 30643064", "DK", "+4530643064"),
    ("(+45) 30643064", "DK", "+4530643064"),
    ("+(45) 30643064", "DK", "+4530643064"),
    ("+45 (0) 30643064", "DK", "+4530643064"),
    ("011 45 30643064", "US", "+4530643064"),
    ("810 45 30643064", "RU", "+4530643064"),
    ("0011 45 30643064", "AU", "+4530643064"),
    ("010 45 30643064", "JP", "+4530643064"),
    ("4522976011", "DK", "+4522976011"),
    ("45 22976011", "DK", "+4522976011"),
    ("46701234567", "DK", "+46701234567"),
    ("4530643064", "SE", "+4530643064"),
    ("30.64.30.64", "DK", "+4530643064"),
    ("3064-3064", "DK", "+4530643064"),
    ("30/64/30/64", "DK", "+4530643064"),
    ("30_64_30_64", "DK", "+4530643064"),
    ("tlf. 30643064", "DK", "+4530643064"),
    ("Tlf: 30 64 30 64", "DK", "+4530643064"),
    ("Mobil +45 30643064", "DK", "+4530643064"),
    ("tel:+4530643064", "DE", "+4530643064"),
    ("+45\u00a030\u202f64\u200930\u00a064", "DK", "+4530643064"),
    ("+45\u201130\u201064\u201330\u221264", "DK", "+4530643064"),
    ("\u202a+45 30 64 30 64\u202c", "DK", "+4530643064"),
    ("\ufeff30643064\u200b", "DK", "+4530643064"),
    ("\uff0b\uff14\uff15\uff13\uff10\uff16\uff14\uff13\uff10\uff16\uff14", "DK", "+4530643064"),
    ("\u0663\u0660\u0666\u0664\u0663\u0660\u0666\u0664", "DK", "+4530643064"),
    ("'30643064", "DK", "+4530643064"),
    ('"30643064",', "DK", "+4530643064"),
    ("<+45 30643064>", "DK", "+4530643064"),
    ("sms:+4530643064", "DK", "+4530643064"),
    ("  30643064\t", "DK", "+4530643064"),
    ("30643064", "dk", "+4530643064"),
    ("91234567", "NO", "+4791234567"),
    ("+47 912 34 567", "DK", "+4791234567"),
    ("4791234567", "NO", "+4791234567"),
    ("070-123 45 67", "SE", "+46701234567"),
    ("+46 (0)70 123 45 67", "SE", "+46701234567"),
    ("+46 070 123 45 67", "SE", "+46701234567"),
    ("0046 (0)70-1234567", "DK", "+46701234567"),
    ("46701234567", "SE", "+46701234567"),
    ("+49 (0) 171 2345678", "DK", "+491712345678"),
    ("0171/2345678", "DE", "+491712345678"),
    ("00 49 (0)171-234 56 78", "FR", "+491712345678"),
    ("8 916 123 45 67", "RU", "+79161234567"),
    ("8 (916) 123-45-67", "RU", "+79161234567"),
    ("+7 (916) 123-45-67", "DK", "+79161234567"),
    ("79161234567", "DK", "+79161234567"),
    ("+39 (0)6 1234 5678", "IT", "+390612345678"),
    ("06 1234 5678", "IT", "+390612345678"),
    ("312 345 6789", "IT", "+393123456789"),
    ("06 12 34 56 78", "FR", "+33612345678"),
    ("+33 (0)6 12 34 56 78", "FR", "+33612345678"),
    ("07400 123456", "GB", "+447400123456"),
    ("+44 (0)7400 123456", "DK", "+447400123456"),
    ("(201) 555-0123", "US", "+12015550123"),
    ("1-201-555-0123", "US", "+12015550123"),
    ("011 15-2345-6789", "AR", "+5491123456789"),
    ("", "DK", None),
    ("   ", "DK", None),
    ("+", "DK", None),
    ("Peter", "DK", None),
    ("Peter 30643064", "DK", None),
    ("A30643064", "DK", None),
    ("ordre 30643064", "DK", None),
    ("30643064 tlf 20643064", "DK", None),
    ("112", "DK", None),
    ("1919", "DK", None),
    ("3064306", "DK", None),
    ("306430644", "DK", None),
    ("+45 3064306", "DK", None),
    ("+45 030643064", "DK", None),
    ("+46 30643064", "DK", None),
    ("+999 12345678", "DK", None),
    ("30643064 lok. 5", "DK", None),
    ("30643064 x5", "DK", None),
    ("1-800-FLOWERS", "US", None),
    ("30643064, 20643064", "DK", None),
    ("30643064 20643064", "DK", None),
    ("*31#30643064", "DK", None),
    ("30643064@x.dk", "DK", None),
    ("30643064", "ZZ", None),
    ("30643064", "", None),
    ("+45609946000000", "DK", None),
    ("609946000000", "DK", None),
    ("390612345678", "DK", None),
    ("39 06 1234 5678", "DK", None),
    ("45609946000000", "DK", None),
    ("0045609946999999", "DK", None),
    ("30643064" * 20, "DK", None),
    (" " * 200 + "30643064", "DK", "+4530643064"),
]


@pytest.mark.proves("D9")
@pytest.mark.parametrize(("written", "region", "expected"), WRITINGS)
def test_writings(written, region, expected):
    if expected is None:
        with pytest.raises(NumberError) as caught:
            to_e164(written, region)
        assert caught.value.text == written
        assert 0 < len(caught.value.reason) < 40
        assert caught.value.reason.isascii()
    else:
        assert to_e164(written, region) == expected


@pytest.mark.proves("D9")
@pytest.mark.parametrize("region", REGIONS)
def test_every_regions_own_examples_are_read_in_every_format(region):
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    examples = [example for kind in kinds if (example := phonenumbers.example_number_for_type(region, kind))]
    assert examples
    formats = (
        PhoneNumberFormat.E164,
        PhoneNumberFormat.INTERNATIONAL,
        PhoneNumberFormat.NATIONAL,
        PhoneNumberFormat.RFC3966,
    )
    for example in examples:
        expected = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        for style in formats:
            assert to_e164(phonenumbers.format_number(example, style), region) == expected
        assert to_e164(f"00{expected[1:]}", region) == expected
        assert to_e164(display(expected), "DK") == expected
        assert from_local_part(expected, region) == expected


@pytest.mark.proves("D9")
@pytest.mark.parametrize("region", REGIONS)
def test_no_regions_invalid_or_short_example_is_read(region):
    invalid = phonenumbers.invalid_example_number(region)
    refused = [
        phonenumbers.format_number(invalid, style) for style in (PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL)
    ]
    refused.append(_example_short_number(region) or "112")
    for written in refused:
        with pytest.raises(NumberError):
            to_e164(written, region)


@pytest.mark.proves("D9")
@given(ANY_REGION, st.lists(st.sampled_from([" ", "-", ".", "/", "\u00a0", "\u2011", "  "]), min_size=20, max_size=20))
def test_separators_anywhere_change_nothing(region, separators):
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        example = phonenumbers.example_number(region)
    expected = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    digits = expected[1:]
    written = "+" + "".join(digit + separator for digit, separator in zip(digits, separators, strict=False))
    assert to_e164(written, region) == expected


def lies_among_mobiles(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a mobile has its length and first two digits: numbers lie so that no plan lists yet."""
    national = phonenumbers.national_significant_number(number)
    others = range(0, 10 ** (len(national) - 2), 10 ** max(len(national) - 5, 0))
    near = (f"+{number.country_code}{national[:2]}{other:0{len(national) - 2}d}" for other in others)
    mobile = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    return phonenumbers.is_possible_number(number) and any(
        phonenumbers.number_type(phonenumbers.parse(each)) in mobile for each in near
    )


@pytest.mark.proves("D9")
@example("2001234567", "US")
@given(st.text(max_size=200) | st.text("0123456789+-() ./x", max_size=80), ANY_REGION)
def test_whatever_is_written_is_a_valid_number_or_an_error(written, region):
    try:
        number = to_e164(written, region)
    except NumberError as error:
        number, complaint = None, error.text
    if number is None:
        assert complaint == written
    else:
        parsed = phonenumbers.parse(number)
        assert phonenumbers.is_valid_number(parsed) or lies_among_mobiles(parsed)
        assert to_e164(number, region) == number


@pytest.mark.proves("D10")
@pytest.mark.parametrize(
    ("local", "is_number"),
    [
        ("30643064", True),
        ("+4530643064", True),
        ("4522976011", True),
        ("0045.30.64.30.64", True),
        ("+45-30643064", True),
        ("30_64_30_64", True),
        ("+45 30643064", True),
        ("(30) 643064", True),
        ("12", True),
        ("+", False),
        ("-", False),
        ("", False),
        ("peter", False),
        ("30643064x", False),
        ("tlf30643064", False),
        ("30+643064", False),
        ("30643064+x", False),
        ("604cf54f8dc39dccb2e59e4d9172a9fb", False),
        ("1" * 65, False),
    ],
)
def test_what_looks_like_a_number(local, is_number):
    assert could_be_number(local) is is_number


@pytest.mark.proves("D10")
@pytest.mark.parametrize(
    "local", ["30643064", "+4530643064", "004530643064", "4530643064", "30.64.30.64", "+45-30643064"]
)
def test_local_parts(local):
    assert from_local_part(local, "DK") == "+4530643064"


@pytest.mark.proves("D10")
@pytest.mark.parametrize("local", ["tlf30643064", "", "peter", "12", "30643064+x"])
def test_local_parts_that_are_none(local):
    with pytest.raises(NumberError):
        from_local_part(local, "DK")


@pytest.mark.proves("D11")
@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+4530643064", "+45 30643064"),
        ("+45609946474825", "+45 609946474825"),
        ("+12015550123", "+1 2015550123"),
        ("+79161234567", "+7 9161234567"),
        ("+3545123456", "+354 5123456"),
        ("+80012345678", "+800 12345678"),
        ("+999123", "+999123"),
        ("1919", "1919"),
        ("Telmore", "Telmore"),
        ("+", "+"),
        ("", ""),
    ],
)
def test_display(number, shown):
    assert display(number) == shown


@pytest.mark.proves("D9")
@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("+4530643064", "DK"),
        ("+45609946474825", "DK"),
        ("+79161234567", "RU"),
        ("+77011234567", "KZ"),
        ("+12015550123", "US"),
        ("+16135550123", "CA"),
        ("+447400123456", "GB"),
        ("+80012345678", None),
        ("+999123456", None),
        ("Telmore", None),
        ("1919", None),
    ],
)
def test_region_of(number, region):
    assert region_of(number) == region


@pytest.mark.proves("D9")
def test_plain_text_is_left_alone():
    assert plain("Møde & 30643064") == "Møde & 30643064"
    assert plain("\u202a\uff13\u0661\u2013\u00a02") == "31- 2"


@pytest.mark.stopwatch
@pytest.mark.proves("D8")
def test_a_number_costs_microseconds():
    to_e164("30643064", "DK")
    best = min(_time_of_a_thousand(round_) for round_ in range(5))
    assert best < 60e-6


def _time_of_a_thousand(round_: int) -> float:
    written = [f"+45 30 6{round_} {number // 100:02d} {number % 100:02d}" for number in range(1000)]
    started = time.process_time()
    for text in written:
        to_e164(text, "DK")
    return (time.process_time() - started) / 1000


# --- ranges of the pool --------------------------------------------------------------------------------------------


@pytest.mark.proves("D1")
def test_a_range_knows_its_numbers():
    pool = NumberRange.parse("+45609946000000..+45609946999999")
    assert pool.size == 1_000_000
    assert pool.at(0) == "+45609946000000"
    assert pool.at(474825) == "+45609946474825"
    assert pool.at(pool.size - 1) == "+45609946999999"
    assert "+45609946474825" in pool
    assert str(pool) == "+45609946000000..+45609946999999"
    for outsider in (
        "+45609947000000",
        "+45609945999999",
        "+456099464748",
        "45609946474825",
        "+4560994647482x",
        "",
        None,
        7,
    ):
        assert outsider not in pool


@pytest.mark.proves("D1")
def test_a_single_number_is_a_range_of_one():
    single = NumberRange.parse(" +4530643064 ")
    assert (single.size, single.at(0), str(single)) == (1, "+4530643064", "+4530643064")
    assert single == NumberRange.parse("+4530643064 .. +4530643064")
    assert "+4530643064" in single


@pytest.mark.proves("D1")
@pytest.mark.parametrize("index", [-1, 10])
def test_positions_outside_a_range(index):
    with pytest.raises(IndexError, match="outside a range of 10"):
        NumberRange.parse("+4530643060..+4530643069").at(index)


@pytest.mark.proves("D1")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a number in E.164"),
        ("30643064", "not a number in E.164"),
        ("4530643064..4530643065", "not a number in E.164"),
        ("+45 30643064", "not a number in E.164"),
        ("+45٣٠٦٤٣٠٦٤", "not a number in E.164"),
        ("+4530643064-+4530643065", "not a number in E.164"),
        ("+4560994600000000", "not a number in E.164"),
        ("+4530643064..", "last number is missing"),
        ("..+4530643064", "not a number in E.164"),
        ("+4530643064...+4530643065", "not a number in E.164"),
        ("+999123456..+999123457", "unknown country code"),
        ("+4530643064..+45306430641", "same number of digits"),
        ("+4530643065..+4530643064", "greater than the last"),
        ("+4530643064..+4630643064", "same country code"),
    ],
)
def test_ranges_that_are_none(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        NumberRange.parse(text)


@pytest.mark.proves("D1")
@given(st.integers(10**11, 10**12 - 1), st.integers(0, 10**6), st.data())
def test_what_a_range_gives_lies_in_it(first, length, data):
    last = min(first + length, 10**12 - 1)
    pool = NumberRange(f"+45{first}", f"+45{last}")
    index = data.draw(st.integers(0, pool.size - 1))
    assert pool.at(index) in pool
    assert NumberRange.parse(str(pool)) == pool


@pytest.mark.proves("D8", "D9")
@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+4520000000", "DK", "+4520000000"),
        ("20000001", "DK", "+4520000001"),
        ("4520000000", "DK", "+4520000000"),
        ("0700000001", "SE", "+46700000001"),
        ("+447700900123", "GB", "+447700900123"),
    ],
)
def test_a_number_among_mobile_numbers_is_taken_before_the_plan_lists_it(written: str, region: str, e164: str):
    assert to_e164(written, region) == e164


@pytest.mark.proves("D8")
@pytest.mark.parametrize("written", ["12345678", "37123456", "0000000", "99999"])
def test_a_number_among_no_mobile_numbers_is_refused(written: str):
    with pytest.raises(NumberError):
        to_e164(written, "DK")
