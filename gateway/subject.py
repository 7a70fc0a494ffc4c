"""What a Subject says: which phones, in every habit of writing a list; and whether it answers one of our mails.

In: a decoded subject, the region that reads national numbers, our tag. Out: a `SubjectReading`.

Which digits a person meant as a number: where a subject holds nothing but numbers, separators and labels ("tlf:"),
all of them, and what cannot be read is rejected by name. Where it holds other words, only what is a valid number
and is not dressed as something else (a date, a time, a price, "Ordre 20643064"); a group that begins with a plus, or
stands alone in a list beside valid numbers, is still rejected by name, so that nobody is left out in silence.
A guess never reaches a phone: where digits can be cut into numbers in two ways, they are rejected as unclear.

Promises: never raises, and takes bounded time and space whatever the subject's size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import MappingProxyType

from gateway.numbers import NumberError, plain, to_e164
from gateway.reading.digit_runs import MAX_DIGITS, Piece, RunReader

MESSAGE_FROM: Mapping[str, str] = MappingProxyType(
    {
        "da": "Besked fra",
        "de": "Nachricht von",
        "en": "Message from",
        "fr": "Message de",
        "no": "Melding fra",
        "ru": "Сообщение от",
        "sv": "Meddelande från",
    }
)
"""The sentence between tag and number in the subject of our mails, by ISO 639-1 language (D11)."""

_MAX_SUBJECT = 8000
"""Characters that are read: some 300 numbers with names. What lies behind is rejected as one."""
_MAX_TAGS = 20
"""Tagged sentences that are looked at: a subject that was answered back and forth holds a few."""

_RUN = re.compile(r"(?<![+(])[+(]*[0-9](?:[0-9\s()./+-]*[0-9])?")
_HARD_SEPARATOR = re.compile(r"[,;|<>&\n\u3001\u060c\u061b]|(?<=\d)\s{1,3}\+\s{1,3}(?=\d)")
_FORWARD = re.compile(
    r"\s*(?:fwd?|wg|tr|vs|vb|vl|rv|enc|doorst|пер|пересл)\s*(?:\[\d{1,3}\])?\s*[:\uff1a]", re.IGNORECASE
)
"""Forwarded, in the language of the client; "VS:" is an answer in Finnish and a forward in Danish and Norwegian."""
_SIGNS = frozenset("#€$£%")
_WORD = re.compile(r"[^\W\d_]+")
_UNDERSCORE = re.compile(r"_(?![0-9])")
_REPLY_PREFIX = re.compile(
    r"\s*(?:([^\W\d_]{1,10})\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s*:(?!\d|//)|\[[^\]\d]{0,40}\]|\*{2,}[^*\d]{0,40}\*{2,})"
)
_NEUTRAL = re.compile(
    r"and|og|und|et|y|e|i|и|till?|to|an|à|a|au|på|für|for|kopi|cc|re|sv|aw|vs|fwd?|gsm|sms|смс|nr|no|num|nummer|number|"
    r"t|m|tlf|tlfnr|tel|telefon|telefonnr|telephone|phone|mob|mobil|mobile|mobilnr|mobiltlf|cell|handy|portable|"
    r"тел|телефон|моб|мобильный|номер",
    re.IGNORECASE,
)
"""Words that join or label numbers and say nothing else."""
_NOT_A_PHONE = re.compile(
    r"(?:ordre|order|bestill?ing|bestellung|auftrag|faktura|invoice|rechnung|facture|ticket|projekt|project|tilbud|"
    r"angebot|booking|reserv|commande|dossier|medlem|member|serie|serial|заказ|договор|квитанц)\w*|"
    r"(?:kunde|kunden|customer|kund|client|sag|sags|case|account|konto|part|vare|artikel|item|løbe|pol\w*)(?:nr|no|num\w*|id)|"
    r"sag|sagen|sags|case|cases|cvr|cpr|se|ean|gln|vat|moms|ust|siret|инн|счет|счёт|дело|konto|account|reg|iban|bic|"
    r"ref|refnr|reference|referenz|id|pin|kode|code|postnr|plz|zip|kl|klokken|klockan|um|uge|week|vecka|woche|"
    r"pris|price|preis|prix|цена|kr|dkk|sek|nok|eur|usd|gbp|rub|version|ver|v|rev|rfc|iso",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(
    r"([^\W\d_]+)[\s.]{0,3}(?:\b(nr|no|num|number|nummer|id)\b)?([\s.:=()'\"_-]{0,4})$", re.IGNORECASE
)

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_CLOCK = r"(?:[01]?\d|2[0-3])[.:][0-5]\d"
_DATE_OR_TIME = re.compile(
    rf"(?<![\d+./-])(?:{_DAY}[-./]\s?{_MONTH}[-./]\s?(?:{_YEAR}|\d\d(?![-./]?\d))|{_MONTH}/{_DAY}/{_YEAR}"
    rf"|{_YEAR}[-./](?:{_MONTH}[-./]{_DAY})"
    rf"|{_CLOCK}\s?-\s?{_CLOCK}|(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)(?!\d)"
)
_DATE_AMONG_WORDS = re.compile(
    rf"(?<![\d+])(?<![\d)][\s./-])(?:{_DAY} {_MONTH} {_YEAR}|(?:19[5-9]|20[0-4])\d-\d{{3,5}})(?![\d-])"
)
_ADDRESS_OR_LINK = re.compile(
    r"(?<![^\s,;<>])(?:(\+?[0-9][0-9.-]*)@[^\s,;<>]+|[^\s,;<>]*@[^\s,;<>]+|https?://[^\s,;<>]+|www\.[^\s,;<>]+)"
)
"""Group 1 is the number of a `<number>@` address, which means the phone here as well."""
_PRICE = re.compile(
    r"(?:[€$£]|\b(?:kr|dkk|sek|nok|eur|usd|gbp|rub)\b\.?)\s?[0-9][0-9.]*(?:,[0-9]{1,2}\b)?"
    r"|(?<![\d.+])[0-9][0-9.]*(?:,[0-9]{1,2})?\s?(?:(?:kr|dkk|sek|nok|eur|euro|usd|gbp|rub|руб|kg|km|stk|pct|uhr)\b|[%€$£]|,-)",
    re.IGNORECASE,
)
_DISPLAYED = re.compile(r"\+?\s?([0-9]{1,3})\s([0-9]{4,14})(?![0-9])")
_LETTER, _GROUP = "OoIlSBZ", "(?=[OoIlSBZ]{0,4}[0-9])[0-9OoIlSBZ]{1,16}"
_WITH_LETTERS = re.compile(rf"(?<![\w@.-])\+?{_GROUP}(?:[ .-]{_GROUP}){{0,7}}(?![\w@])")
"""Digits, among which letters stand that look like some; each group holds a digit."""
_MEANT = str.maketrans(_LETTER, "0011582")
_MOST_SLIPS = 4
"""Letters among the digits of one number; with more it is a word or a code."""
_FEWEST_DIGITS = 4
"""In the shortest national mobile number of the world."""
_LEFT_OVER_INTENDED, _FOREIGN_INTENDED = 7, 5
"""Digits from which a left-over group among words was meant as a number: without and with a country code."""


@dataclass(frozen=True)
class SubjectReading:
    """What a subject says: E.164 numbers in order, each once; what was meant as one and is none; whom it answers."""

    numbers: tuple[str, ...]
    rejected: tuple[NumberError, ...]
    answer: str | None
    """The phone whose message is answered, from the tagged sentence of our own mail; never also in `numbers`."""
    forwarded: bool = False
    """Whether it begins as forwarded mail does: whom it quotes need not be whom it is for."""


@dataclass(frozen=True, slots=True)
class _LeftOver:
    """Digits that are no number, and what stands around them."""

    error: NumberError
    unclear: bool
    beside_number: bool
    """Its list item holds a number."""
    alone: bool
    """Its list item holds no words."""


def read_subject(subject: str, region: str, tag: str) -> SubjectReading:
    """Read a subject. `tag` is the word in brackets that our mails carry, without the brackets."""
    text = plain(subject[:_MAX_SUBJECT])[:_MAX_SUBJECT]
    text_as_written = text
    reader = RunReader(region.upper())
    answer, text = _take_answer(text, plain(tag), reader)
    numbers, rejected = _read_list(text, reader, answered=answer is not None)
    if len(subject) > _MAX_SUBJECT or reader.exhausted:
        rejected = [NumberError(f"{subject[:20]}...", "the subject is too long")]
    others = tuple(number for number in numbers if number != answer)
    return SubjectReading(others, tuple(rejected), answer, forwarded=bool(_FORWARD.match(text_as_written)))


@lru_cache(maxsize=64)
def _tagged(tag: str) -> re.Pattern[str]:
    return re.compile(rf"\[\s*{re.escape(tag)}\s*\][^0-9+(\[\]]{{0,100}}(?=[0-9+(])", re.IGNORECASE)


def _take_answer(text: str, tag: str, reader: RunReader) -> tuple[str | None, str]:
    """The phone in our tagged sentence, and the subject without that sentence.

    What stands before it is no matter: every language has its reply prefixes, and gateways on the way add their own.
    """
    if not tag:
        return None, text
    for sentence in islice(_tagged(tag).finditer(text), _MAX_TAGS):
        run = _RUN.match(text, sentence.end())
        if run is None:
            continue
        number, length = _first_number(run[0], reader)
        if number:
            return number, f"{text[: sentence.start()]} ; {text[run.start() + length :]}"
    return None, text


def _first_number(run: str, reader: RunReader) -> tuple[str | None, int]:
    """The number that a run begins with, and where it ends. Our own writing is understood without its plus, too."""
    displayed = _DISPLAYED.match(run)
    if displayed:
        try:
            return to_e164(f"+{displayed[1]}{displayed[2]}", "ZZ"), displayed.end()
        except NumberError:
            pass
    pieces = reader.cut(run)
    return (pieces[0].number, pieces[0].end) if pieces else (None, 0)


def _read_list(text: str, reader: RunReader, *, answered: bool) -> tuple[list[str], list[NumberError]]:
    text = _without_prefixes(text)
    among_words = answered or _has_words(text)
    text = _ADDRESS_OR_LINK.sub(lambda found: f" {found[1] or 'x'} ", text)
    rejected: list[NumberError] = []
    for disguise in (_DATE_OR_TIME, _PRICE, _DATE_AMONG_WORDS)[: 3 if among_words else 1]:
        if not among_words:
            rejected = [NumberError(match[0], "a date or time") for match in disguise.finditer(text)]
        text = disguise.sub(" ; ", text)
    numbers: dict[str, None] = {}
    left_over: list[_LeftOver] = []
    for item in _HARD_SEPARATOR.split(text):
        if reader.exhausted:
            break
        found, rest = _read_item(item, reader, among_words=among_words)
        if not found and (mistyped := _mistyped(item, reader)):
            rejected.append(NumberError(mistyped, "a letter among the digits"))
            continue
        numbers.update(dict.fromkeys(found))
        left_over += rest
    for rest_of_item in left_over:
        if not among_words or _intended(rest_of_item, listed=bool(numbers), answered=answered):
            rejected.append(rest_of_item.error)
    return list(numbers), rejected


def _has_words(text: str) -> bool:
    """Whether anything is said beside numbers: words of their own, or the signs of a case number or a price."""
    return not _SIGNS.isdisjoint(text) or any(not _NEUTRAL.fullmatch(word) for word in _WORD.findall(text))


def _without_prefixes(text: str) -> str:
    """The subject behind `SV:`, `Re[2]:`, `[EXTERN]`, `***SPAM***` and their like."""
    position = 0
    while (prefix := _REPLY_PREFIX.match(text, position)) and not _NOT_A_PHONE.fullmatch(prefix[1] or ""):
        position = prefix.end()
    return text[position:]


def _read_item(item: str, reader: RunReader, *, among_words: bool) -> tuple[list[str], list[_LeftOver]]:
    """The numbers of one list item, and what it has left over."""
    numbers: list[str] = []
    strays: list[tuple[str, Piece]] = []
    for match in _RUN.finditer(item):
        if among_words and len(match[0]) < _FEWEST_DIGITS:
            continue
        run = _undressed(item, match)
        for piece in reader.cut(run):
            written = run[piece.start : piece.end]
            if piece.number:
                numbers.append(piece.number)
            elif not _is_ordinal(written, run[piece.end :] or item[match.end() :]):
                strays.append((written, piece))
    alone = _WORD.search(item) is None
    return numbers, [
        _LeftOver(NumberError(written, piece.reason), piece.unclear, bool(numbers), alone) for written, piece in strays
    ]


def _mistyped(item: str, reader: RunReader) -> str | None:
    """What would be a number if letters that look like digits were digits ("3O643065"); None for no such thing."""
    for match in _WITH_LETTERS.finditer(item):
        written = match[0]
        letters = sum(map(str.isalpha, written))
        if 0 < letters <= _MOST_SLIPS and any(piece.number for piece in reader.cut(written.translate(_MEANT))):
            return written
    return None


def _undressed(item: str, match: re.Match[str]) -> str:
    """A run without the first or last token that words or letters around it make something else."""
    run = match[0]
    follower = _WORD.match(item, match.end())
    if (follower and not _labels(follower[0])) or _UNDERSCORE.match(item, match.end()):
        run = run[: len(run) - len(run.split()[-1])]
    if not run.startswith("+") and _announces_something_else(item[max(0, match.start() - 40) : match.start()]):
        run = " ".join(run.split()[1:])
    return run


def _announces_something_else(before: str) -> bool:
    """Whether the words before a run say that it is no phone, or letters are glued to it ("INV-30643064")."""
    if before.endswith("#"):
        return True
    announced = _WORD_BEFORE.search(before)
    if announced is None:
        return False
    word, number_word, gap = announced[1].lower(), (announced[2] or "").lower(), announced[3]
    if _NOT_A_PHONE.fullmatch(word) or _NOT_A_PHONE.fullmatch(word + number_word):
        return True
    glued = before[-1].isalpha() or (before[-1] in "-_" and before[-2:-1].isalpha())
    return glued and not _labels(number_word or word) and not gap.strip("-_")


def _labels(word: str) -> bool:
    """Whether a word glued to digits leaves them a number, as "tlf30643064" does and "X30643064" does not."""
    return _NEUTRAL.fullmatch(word) is not None and (len(word) > 1 or word.lower() in "tm")


def _is_ordinal(written: str, behind: str) -> bool:
    """The "1." of a numbered list."""
    return len(written) <= 2 and behind.startswith((".", ")"))


def _intended(rest: _LeftOver, *, listed: bool, answered: bool) -> bool:
    """Whether digits among words were meant as a number, so that the sender must hear that they are none."""
    written = rest.error.text
    digits = sum(map(str.isdigit, written))
    if rest.unclear or (written.startswith(("+", "00")) and digits >= _FOREIGN_INTENDED):
        return True
    in_list = listed or (answered and rest.alone)
    return in_list and not rest.beside_number and _LEFT_OVER_INTENDED <= digits <= MAX_DIGITS
