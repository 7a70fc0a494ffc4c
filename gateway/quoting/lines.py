"""Recognises the lines of quoted mail, and what stands above them: attributions, header blocks, separators.

In: lines without their ">" marks. Out: where such a passage ends, and how sure that is. Promise: bounded work per
line; a sentence that a person wrote about a date, a sender or a subject is not one.

An attribution ("Den 19. feb. 2012 kl. 22.38 skrev Anna <a@b>:") is read as words, not matched as one long pattern: it
is a date, a name or address and a verb of writing, in any order, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final

from gateway.quoting.markers import (
    DATE_CONNECTORS,
    DATE_WORDS,
    HEADER_KIND,
    NAME_PARTICLES,
    PRONOUNS,
    SEPARATOR_OPENINGS,
    SEPARATOR_WORDS,
    VERBS,
)
from gateway.reading.invisible import tidy_characters


class Sureness(IntEnum):
    """How far a passage can be trusted to announce quoted mail."""

    NONE = 0
    WEAK = 1
    """Only where a quoted line follows directly."""
    STRONG = 2
    """By itself: without quote marks below it, everything to the end is history."""


MAX_WRAPPED: Final[int] = 5
"""Lines that one attribution may have been wrapped over."""
_MAX_LENGTH: Final[int] = 420
_MAX_LABEL: Final[int] = 40

_EMAIL: Final[str] = r"[^\s<>()\[\]\"',;:]{1,80}@[^\s<>()\[\]\"',;:]{2,120}"
_BRACKETED: Final[re.Pattern[str]] = re.compile(
    rf"[<\[(]\s?(?:mailto:)?\s?{_EMAIL}\s?(?:<mailto:{_EMAIL}>|\(mailto:{_EMAIL}\))?\s?[>\])]"
)
_ANGLED: Final[re.Pattern[str]] = re.compile(
    rf"(?:<|&lt;)\s?(?:mailto:)?\s?{_EMAIL}\s?(?:<mailto:{_EMAIL}>)?\s?(?:>|&gt;)"
)
_ANY_EMAIL: Final[re.Pattern[str]] = re.compile(_EMAIL)
_BY_ADDRESS: Final[re.Pattern[str]] = re.compile(rf"[,\s]*(?:by|von|af|av|par|door|da|por|от)\s+(?={_EMAIL}\s*$).*")
"""What Tutanota puts after the date."""
_VERB: Final[re.Pattern[str]] = re.compile(
    rf"(?<![\w@.-])(?:{'|'.join(map(re.escape, VERBS))})(?![\w@-])", re.IGNORECASE
)
_CJK_VERB: Final[re.Pattern[str]] = re.compile("写道|寫道|书写|のメール|さんは書きました|님이 작성|작성:")
_TIME: Final[re.Pattern[str]] = re.compile(r"(?<!\d)\d{1,2}\s?(?:[:.٫]\s?\d{2}|h\s?\d{2})(?![\d.]*\d{2}(?:19|20))")
_DATE: Final[re.Pattern[str]] = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?!\d)|(?<!\d)\d{1,2}[./]\d{1,2}[./](?!\d)"
)
_KEY_ADDRESS: Final[re.Pattern[str]] = re.compile(r"(?<!\w)[0-9a-f]{32}@[^\s@]{3}", re.IGNORECASE)
"""The address that our own mails come from: with a date or labels round it, it is quoted, in any language."""
_TOKEN: Final[re.Pattern[str]] = re.compile(r"\d+|[^\W\d_]+|\S")
_DATE_PUNCTUATION: Final[frozenset[str]] = frozenset(".,:/-–()+'’،、\u200e\u200f")
_CJK_DATE: Final[frozenset[str]] = frozenset(
    {"年", "月", "日", "년", "월", "일", "週", "上午", "下午", "오전", "오후", "午前", "午後"}
)
_BRACKETS: Final = ("<", "[", "(")
_RULE: Final[re.Pattern[str]] = re.compile(r"(?:[-_=*—–‐─]\s?){5,}")
_DASHES: Final[str] = "-_=*—–‐─#~"
_NOTES: Final[re.Pattern[str]] = re.compile(
    r"\S.{0,100}?\s?-{2,3}\s?\d{1,4}[-./]\d{1,2}[-./]\d{1,4},?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[AP]M)?\s?-{2,3}.*"
)
_GROUPWISE: Final[re.Pattern[str]] = re.compile(r">>>\s.{3,200}\d[:.]\d\d.{0,200}(?:>>>|:)")
_OLD_GMAIL: Final[re.Pattern[str]] = re.compile(rf"(?:19|20)\d\d[/-]\d{{1,2}}[/-]\d{{1,2}}\s.{{0,80}}<\s?{_EMAIL}\s?>")
_MESSAGE_OF: Final[re.Pattern[str]] = re.compile(
    r"(?:message du|nachricht vom|mensaje del|messaggio del)(?: ?:)? \d.{4,40}", re.IGNORECASE
)


def plain(line: str) -> str:
    """Return the line as it is compared: no emphasis marks, odd spaces or direction marks at its ends."""
    text = line[:_MAX_LENGTH]
    if not text.isascii():
        text = tidy_characters(text).replace("：", ":")
    text = " ".join(text.split())
    return (
        text.strip("*_ \u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        if "*" in text or not text[:1].isalnum()
        else text
    )


def is_rule(line: str) -> bool:
    """Whether a line is drawn of dashes, underscores or the like, five and more."""
    text = line.strip()
    return len(text) >= 5 and len(text) < 200 and _RULE.fullmatch(text) is not None


# --- attributions --------------------------------------------------------------------------------------------------


def attribution(text: str) -> Sureness:
    """Judge a whole passage, its lines joined by spaces, as the sentence that introduces a quote."""
    if not 6 <= len(text) <= _MAX_LENGTH:
        return Sureness.NONE
    if not text.endswith(":"):
        return Sureness.WEAK if _OLD_GMAIL.fullmatch(text) else Sureness.NONE
    verb = _VERB.search(text) or _CJK_VERB.search(text)
    dated = _DATE.search(text) is not None or any(mark in text for mark in _CJK_DATE)
    timed = _TIME.search(text) is not None
    angled = _ANGLED.search(text)
    if angled is not None and (dated or timed) and _KEY_ADDRESS.search(angled.group()):
        return Sureness.STRONG
    rest = _after_date(text)
    if rest is not None and _names_writer(rest[:-1], found=angled is not None):
        return Sureness.STRONG if dated or (timed and angled) else Sureness.WEAK
    if angled is not None and _is_name(text[: angled.start()]) and (verb or (dated and timed)):
        return Sureness.STRONG
    sureness = _name_first(text, verb, dated=dated and timed) if verb is not None else Sureness.NONE
    return max(sureness, Sureness.WEAK if angled is not None or (dated and timed) else Sureness.NONE)


def _after_date(text: str) -> str | None:
    """Read a date at the beginning; return what follows it, or None where there is no date."""
    numbers = words = 0
    end = 0
    for token in _TOKEN.finditer(text):
        word = token.group().casefold()
        if word.isdigit():
            numbers += 1
        elif word in DATE_WORDS or word in _CJK_DATE:
            words += 1
        elif word not in DATE_CONNECTORS and word not in _DATE_PUNCTUATION:
            break
        end = token.end()
    return text[end:] if numbers >= 2 or (numbers and words) else None


def _names_writer(rest: str, *, found: bool) -> bool:
    """Whether what follows the date is a verb and a name, or an address, and no sentence."""
    verb = _VERB.search(rest) or _CJK_VERB.search(rest)
    if verb is None:
        angled = _ANGLED.search(rest) or _BY_ADDRESS.fullmatch(rest)
        return angled is not None and _is_name(rest[: angled.start()]) and len(rest) - angled.end() < 40
    before, after = rest[: verb.start()], rest[verb.end() :]
    if found:
        return len(before) < 200 and _is_name(_ANGLED.sub(" ", before)) and _is_name(_ANGLED.sub(" ", after))
    return _is_name(_BRACKETED.sub(" ", f"{before} {after}")) and bool(f"{before}{after}".strip(" ,"))


def _name_first(text: str, verb: re.Match[str], *, dated: bool) -> Sureness:
    """Judge "Anna Jensen <a@b> wrote on 19.02.2012 22:38:" and the like."""
    before, after = text[: verb.start()], text[verb.end() : -1].strip()
    addressed = _BRACKETED.search(before) is not None
    pronoun = before.split()[-1:] and before.split()[-1].casefold() in PRONOUNS
    named = not pronoun and _is_name(_BRACKETED.sub(" ", _trailing_date_off(before))) and bool(before.strip())
    rest = _after_date(after)
    closed = not after or (rest is not None and not rest.strip(" .,)-"))
    if named and closed and (addressed or dated):
        return Sureness.STRONG
    return (
        Sureness.WEAK
        if (named or _is_name(before)) and (closed or _is_name(after)) and len(text) < 120
        else Sureness.NONE
    )


def _trailing_date_off(text: str) -> str:
    """Take a date in parentheses, or after a comma, off a name."""
    found = _DATE.search(text) or _TIME.search(text)
    if found is None:
        return text
    cut = max(text.rfind(mark, 0, found.start()) for mark in "(,")
    return text[:cut] if cut > 0 else text[: found.start()]


def _is_name(text: str) -> bool:
    """Whether every word could stand in a name: capitals, particles, addresses, numbers; and no pronoun among them."""
    if '"' in text or "«" in text:
        text = re.sub(r"\"[^\"]{0,120}\"|«[^»]{0,120}»", " X ", text)
    words = text.replace(",", " ").replace("/", " ").split()
    if len(words) > 9 or len(text) > 200:
        return False
    return not any(_is_sentence_word(word) for word in words)


def _is_sentence_word(word: str) -> bool:
    if "@" in word or (word.endswith((".", ")", "]")) and len(word) <= 4):
        return False
    core = word.strip("\"'“”„’‘()[]<>.:-|")
    low = core.casefold()
    if low in PRONOUNS:
        return True
    if low in NAME_PARTICLES or low in DATE_CONNECTORS or low in DATE_WORDS:
        return False
    if "." in core or any(character.isdigit() for character in core):
        return False
    return core[:1].islower()


def find_attribution(lines: Sequence[str], end: int, floor: int) -> tuple[int, Sureness]:
    """Find where the attribution that ends with line `end` begins, not above `floor`.

    `lines` are plain and without quote marks. Returns the first line's index, and how sure it is.
    """
    joined = ""
    best, best_start, complete = Sureness.NONE, end, False
    for start in range(end, max(floor, end - MAX_WRAPPED + 1) - 1, -1):
        if not lines[start] and joined and start > floor and lines[start - 1].endswith(_BRACKETS):
            continue
        if not lines[start] or len(joined) > _MAX_LENGTH:
            break
        joined = f"{lines[start]} {joined}".strip()
        sureness = attribution(joined)
        opened = sureness is Sureness.STRONG and _after_date(joined) is not None
        longer = sureness > best or (sureness is best is not Sureness.NONE and lines[best_start].startswith(_BRACKETS))
        if (opened and _opens_with_date(lines[start])) or (not complete and longer):
            best, best_start = sureness, start
            complete = complete or (sureness is Sureness.STRONG and _has_name_in_first_line(lines[start]))
    return best_start, best


def _opens_with_date(line: str) -> bool:
    """Whether a line can be the head of a date-first attribution: it opens with a word or number of a date."""
    first = _TOKEN.match(line.lstrip("-–— "))
    if first is None:
        return False
    word = first.group().casefold()
    return word.isdigit() or word in DATE_WORDS or word in DATE_CONNECTORS


def _has_name_in_first_line(line: str) -> bool:
    return not line.startswith(_BRACKETS) and _VERB.match(line) is None


# --- header blocks, separators -------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def header_kind(line: str) -> str | None:
    """Return which header a line like "*Fra:* Anna" shows: from, date, to, cc, subject, other; None for no header."""
    head, colon, _ = line[:60].replace("：", ":").partition(":")
    if not colon or len(head) > 32:
        return None
    return HEADER_KIND.get(" ".join(head.replace("*", " ").replace("_", " ").casefold().split()).strip("\u200e\u200f"))


def find_header_block(lines: Sequence[str], start: int, *, announced: bool) -> int | None:
    """Return the index after the header lines that begin at `start`, or None where they are no header block.

    `announced`: a separator or a ruled line stands above, so that two headers are enough.
    """
    kinds: set[str] = set()
    end = start
    position, loose = start, 0
    while position < len(lines) and loose <= 3 and position - start < 40:
        kind = header_kind(lines[position])
        if kind is not None:
            kinds.add(kind)
            end, loose = position + 1, 0
        elif not lines[position] and not _goes_on(lines, position + 1):
            break
        else:
            loose += 1
        position += 1
    return end if _is_header_block(kinds, " ".join(lines[start:end]), announced=announced) else None


def _goes_on(lines: Sequence[str], index: int) -> bool:
    """Whether the header line that follows a blank one belongs to what stands above: in a block that is set wide."""
    first, second = (header_kind(line) for line in (*lines[index : index + 2], "", "")[:2])
    return first is not None and second is None


def _is_header_block(kinds: set[str], text: str, *, announced: bool) -> bool:
    if "from" not in kinds and not ({"date", "to"} <= kinds or {"date", "subject"} <= kinds):
        return False
    if announced:
        return len(kinds) >= 2
    addressed = _ANY_EMAIL.search(text) is not None
    dated = "date" in kinds and _DATE.search(text) is not None and _TIME.search(text) is not None
    if "from" in kinds and addressed and len(kinds) >= 3 and ("date" in kinds or "subject" in kinds):
        return True
    if addressed and dated and len(kinds - {"other"}) >= 3:
        return True
    return {"from", "date", "subject"} <= kinds and (dated or "[SMS]" in text)


def find_foreign_headers(lines: Sequence[str], start: int) -> int | None:
    """Return the index after header lines in a language that no table knows: labels, and our own address first."""
    if _KEY_ADDRESS.search(lines[start]) is None or not looks_labelled(lines[start : start + 4]):
        return None
    end = start
    while end < len(lines) and 0 < lines[end].find(":") <= 24:
        end += 1
    return end if end - start >= 3 else None


def is_stacked_label(line: str) -> bool:
    """Whether a line says "subject" and nothing else, as one of Notes' stacked labels does."""
    return len(line) < _MAX_LABEL and HEADER_KIND.get(line.rstrip(":").casefold()) == "subject"


def find_stacked_headers(lines: Sequence[str], start: int) -> int | None:
    """Return the index after Notes' header: the sender, the date, then labels without colons above their values."""
    if not (1 < len(lines[start]) < 160 and start + 3 < len(lines) and _is_name(lines[start])):
        return None
    dated = _DATE.search(lines[start + 1]) is not None and _TIME.search(lines[start + 1]) is not None
    if not dated or (_after_date(lines[start + 1]) or "").strip():
        return None
    kinds: set[str] = set()
    end = start
    for position in range(start + 2, min(start + 16, len(lines))):
        kind = HEADER_KIND.get(lines[position].rstrip(":").casefold())
        if kind is not None:
            kinds.add(kind)
            end = position + 1
    return end + 1 if {"to", "subject"} <= kinds and end < len(lines) else None


def is_separator(line: str) -> bool:
    """Whether a line says by itself that quoted or forwarded mail follows ("-----Original Message-----").

    An attribution between dashes counts too (Zoho, Notes).
    """
    if len(line) > _MAX_LENGTH:
        return False
    if _NOTES.fullmatch(line) or _GROUPWISE.fullmatch(line) or _MESSAGE_OF.fullmatch(line.lstrip("> ")):
        return True
    dashed = _between_dashes(line)
    if dashed:
        words = dashed.casefold().strip("* ")
        if words in SEPARATOR_WORDS or words.startswith(SEPARATOR_OPENINGS):
            return True
        return "@" in words and attribution(f"{dashed}:") is Sureness.STRONG
    return line.endswith(":") and line[:-1].casefold().strip() in SEPARATOR_WORDS


def _between_dashes(line: str) -> str:
    """What stands between two drawn lines in one, without colons beside the second; "" where nothing does."""
    head, bare = line.lstrip(_DASHES), line.removesuffix(":")
    tail = bare.rstrip(_DASHES)
    start = len(line) - len(head)
    if start < 2 or len(bare) - len(tail) < 2 or len(tail) <= start:
        return ""
    words = tail[start:].strip().removesuffix(":").rstrip()
    return words if 3 <= len(words) <= 301 else ""


def looks_labelled(lines: Sequence[str]) -> bool:
    """Whether lines are mostly "Word: value", in any language: what a ruled header box holds."""
    label: Callable[[str], bool] = lambda line: 0 < line.find(":") <= 24  # noqa: E731
    return sum(map(label, lines)) >= 3


# --- quote marks ---------------------------------------------------------------------------------------------------

_MARKED: Final[re.Pattern[str]] = re.compile(
    r"\s{0,2}[^\W\d_a-zа-яæøåäöü]{0,4}>(?:[\s>\w\"'“„«<(\[*+#&@$€£|.,:;!?-]|$)"
)
_NO_QUOTE: Final[re.Pattern[str]] = re.compile(r">(?:[:;=]['-]?[()DPO/\\|]|[._][<>]|[=-])|>{1,3}\s*$")
_MARKS: Final[re.Pattern[str]] = re.compile(r"\A\s{0,2}[^\W\d_a-zа-яæøåäöü]{0,4}>[> ]{0,40}")


def is_marked(text: str) -> bool:
    """Whether a line bears ">" or "AJ>" as a quoted one does; an arrow, a smiley or a tag is no mark."""
    if ">" not in text:
        return False
    return (
        ">" in text[:6] and _MARKED.match(text) is not None and _NO_QUOTE.match(text) is None
    ) or text.strip() == ">"


def is_nested(text: str) -> bool:
    """Whether a line is quoted twice and more."""
    return re.match(r"\s?>\s?>\s?\S", text) is not None


def without_mark(text: str) -> str:
    """Return a marked line without its quote marks, however many."""
    return _MARKS.sub("", text)
