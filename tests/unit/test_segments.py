"""Part counts against another implementation: npm's sms-segments-calculator, with its "smart encoding" off.

It follows the same tables. It differs from the standard in two ways, both of which are tested as such:
it never parts the code points of one grapheme (a flag, a family), which a phone joins again anyway; and it takes CR LF
for two characters, while our texts have LF only.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Sequence

import pytest

from gateway.sms import Encoding, SmsText
from gateway.sms_text import measure, septets, split, ucs2
from tests.node_packages import NODE, node_with

BASIC = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà"
EXTENSION = "^{}\\[~]|€"
OUTSIDE = "łóąçžЖдя中文日–—…“”’€\u00a0\t"
ASTRAL = "😀🚀𝒳🂡𠮷"
CLUSTERS = ("👨‍👩‍👧‍👦", "🇩🇰", "👍🏽", "❤️", "q\u0323\u0307")
NAMES = {Encoding.GSM7: "GSM-7", Encoding.UCS2: "UCS-2"}

Count = Callable[[Sequence[str]], list[tuple[str, int, list[str]]]]


@pytest.fixture(scope="module")
def count(require: Callable[[str], str]) -> Count:
    """Ask the other implementation about many texts in one process."""
    node = node_with(require, "sms-segments-calculator")

    def ask(texts: Sequence[str]) -> list[tuple[str, int, list[str]]]:
        answer = subprocess.run(
            [node, NODE / "segments.js"],
            input=json.dumps(texts),
            text=True,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return [tuple(row) for row in json.loads(answer.stdout)]

    return ask


def random_texts(seed: int, amount: int) -> list[str]:
    """Texts whose lengths crowd around the borders of one, two and three parts, in four mixtures of alphabets."""
    dice = random.Random(seed)
    mixtures = (BASIC, BASIC * 3 + EXTENSION, BASIC + OUTSIDE, BASIC + OUTSIDE + ASTRAL * 8, EXTENSION, ASTRAL)
    borders = (0, 1, 35, 66, 70, 76, 80, 134, 153, 160, 201, 306, 459)
    return [
        "".join(dice.choices(dice.choice(mixtures), k=max(0, dice.choice(borders) + dice.randint(-4, 4))))
        for _ in range(amount)
    ]


def borders() -> list[str]:
    """Each two-unit character at every place near the end of the first, second and third part."""
    texts = []
    for pair, filler, part in (("€", "a", 153), ("😀", "ж", 67)):
        for place in (
            *range(part - 4, part + 9),
            *range(2 * part - 4, 2 * part + 4),
            *range(3 * part - 4, 3 * part + 4),
        ):
            for tail in (0, 1, 5, part - 1, part):
                texts += [filler * place + pair + filler * tail, filler * place + pair * 3 + filler * tail]
    return texts


def ours(text: str) -> tuple[str, int, list[str]]:
    measured: SmsText = measure(text)
    return NAMES[measured.encoding], measured.units, list(split(measured))


@pytest.mark.proves("D8")
def test_part_counts_agree_with_another_implementation(count: Count) -> None:
    texts = [measure(text).text for text in random_texts(1919, 6000) + borders()]
    for text, theirs in zip(texts, count(texts), strict=True):
        assert ours(text) == theirs, text


@pytest.mark.proves("D8")
def test_every_single_character_agrees(count: Count) -> None:
    texts = [chr(code) for code in range(1, 0x3000) if chr(code) == measure(chr(code)).text]
    assert len(texts) > 10_000
    for text, theirs in zip(texts, count(texts), strict=True):
        assert ours(text) == theirs, text


@pytest.mark.proves("D8")
def test_graphemes_may_be_parted_and_then_never_need_more_parts(count: Count) -> None:
    dice = random.Random(7)
    texts = [measure("".join(dice.choices((*CLUSTERS, *"abc "), k=dice.randint(1, 60)))).text for _ in range(500)]
    for text, (encoding, units, segments) in zip(texts, count(texts), strict=True):
        measured = measure(text)
        assert NAMES[measured.encoding] == encoding
        assert measured.parts <= len(segments)
        assert sum(len(ucs2(part)) // 2 for part in split(measured)) == units


@pytest.mark.proves("D8")
def test_line_ends_are_one_septet_here(count: Count) -> None:
    (_, theirs, _), (_, lf, _) = count(["a\r\nb", "a\nb"])
    assert (theirs, lf) == (4, 3)
    assert measure("a\r\nb").units == len(septets("a\nb")) == 3


@pytest.mark.proves("no package registry is named")
def test_the_committed_lock_names_no_registry() -> None:
    lock = json.loads((NODE / "package-lock.json").read_text())
    assert "resolved" not in json.dumps(lock)
    assert all(package.get("integrity") for path, package in lock["packages"].items() if path)
