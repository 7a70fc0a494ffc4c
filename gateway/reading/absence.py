"""Words that only machines put at the very start of a subject: out of office, message recall, read receipt.

In: a decoded subject and the text. Out: a reason or None. A tag such as "[EXTERN]" in front is looked through. The
words count at the start alone: a person who answers or forwards an absence note has "SV:", "Re:" or "VS:" before it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_TAG: Final = re.compile(r"(?:\[(?:ext|extern|external|ekstern|externt|externe)\]:?\s*)+", re.IGNORECASE)

_PREFIXES: Final = (
    r"auto(?:matic|mated|matisk|matiskt)?[ -]?(?:reply|response|svar|antwort|respons)",
    r"automatische (?:r[uü]ck)?antwort",
    r"automatisch antwoord",
    r"r[ée]ponse automatique",
    r"respuesta autom[áa]tica",
    r"risposta automatica",
    r"resposta autom[áa]tica",
    r"automaattinen vastaus",
    r"automatyczna odpowied[źz]",
    r"automatick[áa] odpov[ěe][ďd]",
    r"sjálfvirkt svar",
    r"otomatik yanıt",
    r"自动(?:回复|答复)|自動(?:回覆|返信|応答)|자동 ?회신",
    r"автоматический ответ",
    r"автоответ(?:чик)?",
    r"автоматична відповідь",
    r"out[ -]of[ -](?:the[ -])?office(?: auto-?reply| reply| notification| message)?",
    r"abwesenheits(?:notiz|benachrichtigung|nachricht|meldung|assistent)",
    r"frånvaro(?:meddelande|svar|besked)",
    r"fravær(?:smelding|sbesked|smeddelelse|sassistent)",
    r"message d['’ ]absence",
    r"notification d['’ ]absence",
    r"сообщение об отсутствии",
)
"""What mail servers put in front of the subject that they answer."""
_PREFIX_END: Final = r"(?=\s*(?:[:：.,!(\[–—-]|\Z)|\s+(?:from|fra|från|von|de|от|to|til|till|auf|på|à|на|re|sv|aw)\b)"

_ABSENCES: Final = (
    r"(?:jeg er |jag är )?(?:ikke til ?stede|ikke på kontoret|ude af kontoret|fraværende|fravær|frånvaro|frånvarande)",
    r"(?:jag är )?(?:ej på plats|inte på kontoret|inte på plats)",
    r"(?:jeg er )?(?:utenfor kontoret|borte fra kontoret|ute av kontoret)",
    r"abwesend|abwesenheit|nicht im (?:b[üu]ro|haus)",
    r"afwezig(?:heid)?|poissa(?: toimistolta)?|fuera de la oficina|fuori (?:sede|ufficio)|poza biurem",
    r"absente?(?: du bureau)?|absence(?: du bureau)?|en congés?",
    r"нет на (?:рабочем )?месте|отсутствую?(?:ет)?(?: на рабочем месте| в офисе)?|вне офиса|я в отпуске",
)
"""What a person could begin with too: only alone, or with the punctuation of a prefix."""
_ABSENCE_END: Final = r"(?=\s*(?:[:：(]|[.!]?\s*\Z))"

_NOTES: Final = (
    r"[^\W\d][^:\d]{1,60} (?:is out of (?:the )?office|er ikke til stede|er fraværende|är inte på kontoret"
    r"|er ikke på kontoret|er ute av kontoret|ist außer haus|ist nicht im büro|est absente?(?: du bureau)?)"
    r"(?=\s*(?:[.(]|\Z|returning|tilbage|until))"
)
"""Notes writes a sentence about its owner."""

_ABSENT: Final = re.compile(
    f"(?:{'|'.join(_PREFIXES)}){_PREFIX_END}|(?:{'|'.join(_ABSENCES)}){_ABSENCE_END}|{_NOTES}", re.IGNORECASE
)
_RECALL_SUBJECT: Final = re.compile(
    r"(?:message recall|recall|tilbagekald(?:else)?|tilbakekall(?:ing)?|återkalla(?:nde)?|rückruf|zurückrufen|rappel"
    r"|отзыв|отозвать)"
    r"\b[^:]{0,30}:",
    re.IGNORECASE,
)
_RECALL_TEXT: Final = re.compile(
    r"would like to recall the message"
    r"|(?:vil|ville|ønsker)(?: gerne)? (?:at )?(?:tilbagekalde|tilbakekalle) (?:meddelelsen|beskeden|meldingen)"
    r"|vill återkalla meddelandet"
    r"|möchte die nachricht .{0,200}zurückrufen"
    r"|souhaite rappeler le message"
    r"|(?:хочет|хотел\w* бы) отозвать (?:сообщение|письмо)",
    re.IGNORECASE,
)
_RECEIPT_SUBJECT: Final = re.compile(
    r"(?:(?:not |ikke |ej |inte |nicht |non |не )?(?:read|læst|lest|läst|gelesen|lue?|прочитано|прочтено)"
    r"|gelöscht|slettet|borttaget|deleted|lesebestätigung|returkvittering|læsekvittering|lesekvittering|läskvitto"
    r"|read receipt|return receipt|accusé de (?:lecture|réception)|отчет о прочтении)\b[^:]{0,20}:",
    re.IGNORECASE,
)
_RECEIPT_TEXT: Final = re.compile(
    r"\s*(?:your message|(?:din|den) (?:meddelelse|besked)|meddelelsen|ditt meddelande|meldingen|ihre nachricht"
    r"|votre message|ваше сообщение|сообщение|this is a|dette er e[nt]|dies? ist eine|detta är e[nt])\b.{0,600}?"
    r"\b(?:was (?:read|displayed|deleted without)|has been (?:read|displayed|opened)"
    r"|(?:blev|ble|er blevet) (?:læst|lest|slettet|vist|åbnet)"
    r"|lästes|(?:har|blev) (?:lästs|läst|öppnats|tagits bort|visats)"
    r"|wurde\b.{0,80}\b(?:gelesen|angezeigt|geöffnet|gelöscht)|a été (?:lu|affiché|ouvert|supprimé)"
    r"|был[оа]? (?:прочитан|прочтен|прочтён|открыт|удален))",
    re.IGNORECASE | re.DOTALL,
)
"""How Exchange begins a receipt ("Your message To: ... Subject: ... was read on ...")."""
_READ: Final = 2000
"""Characters of the text that a recall or a receipt is looked for in."""


def reason_in_words(subject: str, text: str) -> str | None:
    """Tell by the subject, for a recall or a receipt also by the text, that a machine wrote a mail."""
    start = unicodedata.normalize("NFC", subject)
    start = _TAG.sub("", start, count=1) if start.startswith("[") else start
    if start[:1].isascii() and not start[:1].isalpha() and start[:1] != "_":
        return None  # words begin with a letter; most subjects with a phone number or our tag
    if _ABSENT.match(start):
        return "out of office (subject)"
    if _RECALL_SUBJECT.match(start) and _RECALL_TEXT.search(text[:_READ]):
        return "message recall"
    if _RECEIPT_SUBJECT.match(start) and _RECEIPT_TEXT.match(text[:_READ]):
        return "read receipt (subject)"
    return None
