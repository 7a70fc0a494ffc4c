"""HTML as a person saw it on the screen: line breaks, lists, tables, links, and nothing that was hidden."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from gateway.reading.html_fence import MAX_DEPTH, MAX_TAGS, fence_html
from gateway.reading.html_text import html_to_text
from gateway.reading.invisible import tidy_characters
from tests.stopwatch import cpu_seconds

WORD = "<style><!--p.MsoNormal, li.MsoNormal{margin:0cm;margin-bottom:.0001pt;}--></style>"
OWA = '<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>'

LINES = [
    ("<p class=MsoNormal>a<o:p></o:p></p><p class=MsoNormal>b</p>", "a\nb"),
    ("<p class=MsoNormal>a</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>b</p>", "a\n\nb"),
    (WORD + "<p class=MsoNormal>a</p><p class=MsoNormal>b</p><p>c</p>", "a\nb\n\nc"),
    (OWA + "<p>a</p><p>b</p><p><br></p><p>c</p>", "a\nb\n\nc"),
    ("<style>p.p1 {margin: 0.0px 0.0px 0.0px 0.0px}</style><p class=p1>a</p><p class=p1>b</p>", "a\nb"),
    ("<p>a</p><p>b</p>", "a\n\nb"),
    ("<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
    ('<p style="margin:0 0 10px">a</p><p style="margin:0">b</p><p style="margin:0">c</p>', "a\n\nb\nc"),
    ("<div>a</div><div><br></div><div>b<br></div>c", "a\n\nb\nc"),
    ("a<br>b<br><br>c<br/>", "a\nb\n\nc"),
    ("<span>a</span> <b>b</b><i>c</i>\n\t d", "a bc d"),
    ("<h1>a</h1>b<hr>c", "a\n\nb\nc"),
    ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
    ('<div style="white-space: pre-wrap">a\n b</div>', "a\n b"),
    ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n- c"),
    ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th><td><div>d</div></td></tr></table>", "a b\nc d"),
    ("<div>-- <br>Anna</div>", "-- \nAnna"),
    ("a&nbsp;&nbsp;b", "a  b"),
    ("a\u200bb\u00adc\u2060d\ufeff", "abcd"),
    ("hej\u200c \u200e!", "hej !"),
    ("<p>می\u200cخواهم</p>", "می\u200cخواهم"),
    ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ("5 &lt; 6 &amp; 7 &gt; 2 &euro;", "5 < 6 & 7 > 2 €"),
    ('<img data-emoji="😀" alt="😀"><img alt="Firm logo" src="cid:1">', "😀"),
    ("a<!-- x --><!--[if mso]>b<![endif]--><![if !mso]>c<![endif]>", "ac"),
    ("<head><title>t</title><style>p{}</style></head><body>a<script>b</script><template>c</template></body>", "a"),
    ('<div style="display:none;max-height:0">pre&zwnj;&nbsp;</div>a<span hidden>b</span>', "a"),
    ('<span style="mso-hide:all">x</span><span style="font-size:0">y</span>a', "a"),
    ('<span style="font-size:0.9em">a</span>', "a"),
    (
        "<p class=MsoListParagraph><![if !supportLists]><span style='mso-list:Ignore'>·<span>&nbsp;&nbsp; </span></span><![endif]>a",
        "- a",
    ),
    ("", ""),
    ("no markup at all", "no markup at all"),
    ("<p>a</p", "a"),
    ("a < b", "a < b"),
]
LINKS = [
    ('<a href="https://x.dk/a?b=1">her</a>', "her (https://x.dk/a?b=1)"),
    ('<a href="https://x.dk/">x.dk</a>', "x.dk"),
    ('<a href="https://www.x.dk">www.x.dk</a>', "www.x.dk"),
    ('<a href="https://x.dk/a">https://x.dk/a</a>', "https://x.dk/a"),
    ('<a href="mailto:a@x.dk">a@x.dk</a>', "a@x.dk"),
    ('<a href="mailto:a@x.dk">skriv</a>', "skriv"),
    ('<a href="tel:+4530643064">30 64 30 64</a>', "30 64 30 64"),
    ('<a href="https://x.dk"><img src="cid:logo" alt="Firm"></a>', ""),
    ('<a href="javascript:x()">a</a><a name=b>b</a><a href="#c">c</a>', "abc"),
    (
        '<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fx.dk%2Fa&amp;data=05">her</a>',
        "her (https://x.dk/a)",
    ),
    ('<a href="http://[bad">her</a>', "her"),
]


@pytest.mark.proves("D8", "X1")
@pytest.mark.parametrize(("html", "text"), LINES)
def test_lines_are_what_the_person_saw(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.proves("D8")
@pytest.mark.parametrize(("html", "text"), LINKS)
def test_a_link_says_where_it_leads_where_its_text_does_not(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.proves("D8")
@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="abcæøå .,!?", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=6))
def test_each_div_is_a_line(lines: list[str]) -> None:
    shown = [" ".join(line.split()) for line in lines]
    assert html_to_text("".join(f"<div>{line}</div>" for line in lines)) == "\n".join(shown)


@pytest.mark.proves("D8")
@given(st.text())
def test_tidying_twice_changes_nothing(text: str) -> None:
    assert tidy_characters(tidy_characters(text)) == tidy_characters(text)


@pytest.mark.proves("hostile input costs little")
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "<div>", "</div>", '"', "'", "=", "a", " ", "<!--", "-->", "<p", "/", "<style>", "&"]
        ),
        max_size=40,
    )
)
def test_no_markup_is_too_broken_to_read(pieces: list[str]) -> None:
    html_to_text("".join(pieces))


@pytest.mark.proves("hostile input costs little")
def test_depth_and_tags_are_bounded_and_the_text_stays() -> None:
    deep, _ = fence_html("<div>" * 5000 + "x" + "</div>" * 5000 + "<b>y</b>")
    node, depth = LexborHTMLParser(deep).body, 0
    while node is not None:
        node, depth = node.child, depth + 1
    assert depth <= MAX_DEPTH + 5
    assert html_to_text("<div>" * 5000 + "x" + "</div>" * 5000 + "<b>y</b>") == "x\ny"
    assert html_to_text("<p>x" * (MAX_TAGS + 10)).count("x") == MAX_TAGS + 10


@pytest.mark.proves("hostile input costs little")
def test_a_tag_with_a_thousand_attributes_loses_them() -> None:
    fenced, _ = fence_html(f"<div {' '.join(f'a{number}=1' for number in range(1000))}>x</div>")
    assert fenced == "<div>x</div>"


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize(
    "html", ["<a " * 50_000, "<div>" * 100_000, "<style></style>" * 60_000, "<a href=x>y</a>" * 60_000]
)
def test_hostile_html_is_quick(html: str) -> None:
    assert cpu_seconds(lambda: html_to_text(html), 0.5) < 0.5
