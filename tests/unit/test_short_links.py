"""Links in texts, codes, and who is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from campaigns import macros
from campaigns.links import is_target, links_of, shortened
from campaigns.short_codes import LENGTH, MOST_CONTACTS, MOST_LINKS, ShortCodes
from campaigns.short_texts import Shortener
from tests.integration.campaigns.conftest import member
from tests.stopwatch import cpu_seconds
from web.short_links import looks_ahead

CODES = ShortCodes(bytes(32))


@pytest.mark.proves("campaign: short links")
@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Se https://firm.dk/a?b=1&c=2.", ["https://firm.dk/a?b=1&c=2"]),
        ("(http://x.dk/y_(z)), https://x.dk/!", ["http://x.dk/y_(z)", "https://x.dk/"]),
        ("HTTPS://X.DK/A https://x.dk https://x.dk", ["HTTPS://X.DK/A", "https://x.dk"]),
        ('https://x.dk/?o={{ order.number | default: "none } }" }}&n=2 ok', None),
        ("https://x.dk/{% if a %}1{% endif %} {% if a %}https://b.dk{% endif %}", ["https://b.dk"]),
        ("{{ a | default: 'https://x.dk' }} {% assign u = 'https://x.dk' %}", []),
        ("https://{{ site }}/a https://x.dk{{ path }} https://x{{ a }}.dk", []),
        ("a@http://x.dk ftp://x.dk javascript:alert(1) https:// http:///x x.dk", []),
        ("https://[::1/ https://x.dk\\@evil.example", ["https://x.dk"]),
    ],
)
def test_links_are_what_the_text_itself_names(text: str, links: list[str] | None) -> None:
    wanted = links if links is not None else ['https://x.dk/?o={{ order.number | default: "none } }" }}&n=2']
    assert list(shortened(text).links) == wanted


@pytest.mark.proves("campaign: short links")
def test_a_text_stays_what_it_is_around_its_links() -> None:
    source = (
        "Hej {{ first_name }}! Se https://x.dk/a, (https://y.dk) og https://x.dk/a. {% if a %}https://z.dk{% endif %}"
    )
    short = shortened(source)
    back = short.source
    for place, link in enumerate(short.links):
        back = back.replace(f"{{{{ short-link-{place} }}}}", link)
    assert back == source
    assert links_of([source, "https://x.dk/a https://w.dk"]) == (*short.links, "https://w.dk")


@pytest.mark.proves("campaign: short links")
@pytest.mark.parametrize("url", ["javascript:alert(1)", "//x.dk", "/x", "http:///x", "https://x.dk\n", "", "data:,x"])
def test_a_target_is_of_the_web(url: str) -> None:
    assert not is_target(url)


@pytest.mark.proves("campaign: short links")
@given(st.integers(0, MOST_LINKS), st.integers(0, MOST_CONTACTS))
def test_a_code_says_its_numbers_and_is_as_long_as_every_other(link: int, contact: int) -> None:
    code = CODES.code(link, contact)
    assert len(code) == LENGTH
    assert code.isascii()
    assert code.isalnum()
    assert CODES.read(code) == (link, contact)
    assert ShortCodes(b"\1" * 32).read(code) != (link, contact)


@given(st.text(max_size=12))
def test_whatever_is_read_as_a_code_is_numbers_or_nothing(code: str) -> None:
    numbers = CODES.read(code)
    assert numbers is None or CODES.code(*numbers) == code


@pytest.mark.proves("campaign: short links")
def test_codes_of_neighbours_have_nothing_in_common() -> None:
    codes = [CODES.code(7, contact) for contact in range(1, 2001)]
    assert len(set(codes)) == 2000
    for place in range(LENGTH):
        assert len({code[place] for code in codes}) == 62  # every place takes every value
    assert sum(CODES.read(code[:-1] + ("A" if code[-1] != "A" else "B"))[:1] == (7,) for code in codes[:500]) == 0  # type: ignore[index]


def test_numbers_that_no_code_can_say_are_refused() -> None:
    for link, contact in ((MOST_LINKS + 1, 0), (0, MOST_CONTACTS + 1), (-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="no code"):
            CODES.code(link, contact)


@pytest.mark.proves("campaign: short links")
def test_texts_with_short_links_are_equally_long_and_name_nobody() -> None:
    shortener = Shortener("https://s.example/", CODES)
    text = shortener.text("Hej {{ name }}: https://firm.dk/{{ name }}/ og https://x.dk", {"https://x.dk": 5})
    texts = [text.macros.render(text.fields(member(n, fields={"name": "Anna"}))) for n in range(1, 200)]
    assert len({len(each) for each in texts}) == 1
    assert len(set(texts)) == len(texts)
    assert "firm.dk" not in "".join(texts)
    beyond = text.fields(member((3 << 32) | (MOST_CONTACTS + 1)))
    assert CODES.read(str(beyond["short-link-1"])[-LENGTH:]) == (5, 0)


def test_a_text_without_links_is_made_as_any_other() -> None:
    text = Shortener("https://s.example/", CODES).text("Hej {{ first_name }}", {})
    someone = member(1)
    assert text.fields(someone) is someone.fields
    assert text.macros is macros.read("Hej {{ first_name }}")


@pytest.mark.proves("campaign: clicks")
@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        (
            {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"},
            False,
        ),
        (
            {"user-agent": "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 Chrome/130.0 Mobile Safari"},
            False,
        ),
        ({"user-agent": "Mozilla/5.0", "sec-purpose": "prefetch;prerender"}, True),
        ({"user-agent": "Mozilla/5.0", "purpose": "prefetch"}, True),
        ({"user-agent": "Mozilla/5.0", "x-purpose": "preview"}, True),
        ({"user-agent": "WhatsApp/2.23.20"}, True),
        ({"user-agent": "facebookexternalhit/1.1"}, True),
        ({"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}, True),
        ({"user-agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"}, True),
        ({"user-agent": "curl/8.5"}, True),
        ({}, True),
    ],
)
def test_machines_that_look_ahead_are_told_from_people(headers: dict[str, str], ahead: bool) -> None:
    assert looks_ahead(Headers(headers)) is ahead


@pytest.mark.stopwatch
@pytest.mark.proves("macros have no code")
@pytest.mark.parametrize(
    "text",
    [
        "https://firm.example/a" + "{% assign a = 1 %}" * 400 + " x",
        "https://firm.example/a" + "{% else %}b{% endif %}" * 400 + " x",
        "https://firm.example/" + "{{" * 4_900,
        "{{ " * 3_000,
        "{% " * 3_000,
    ],
)
def test_a_text_that_is_made_to_take_long_does_not(text: str) -> None:
    assert cpu_seconds(lambda: shortened(text), 0.5) < 0.5
