"""A tree of MIME parts in, what the person wrote out, with the names of what an SMS cannot carry.

Promises: text parts are read in the order in which the person put them; of alternatives the most faithful one is read;
encrypted mail is a Refusal, never silence.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.model import Attachment
from gateway.quotes import Cut, cut_html, cut_text
from gateway.reading import plain_text, signed, tnef
from gateway.reading.charsets import codec_for, decode
from gateway.reading.headers import for_people
from gateway.reading.html_text import html_to_text
from gateway.reading.mime import Part, Reader

_PLAIN_KINDS: Final = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/enriched", "text/richtext"})
_SMIME_KINDS: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SILENT_KINDS: Final = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/pgp-keys",
        "text/x-amp-html",
        "text/watch-html",
        "text/rfc822-headers",
        "text/vnd.google.email-reaction+json",
    }
)
"""Parts that nobody attached by hand; no report names them."""
_CARD_KINDS: Final = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
"""Contact cards, which belong to signatures."""
_SIGNATURE_NAMES: Final = (".asc", ".p7s", ".sig", ".vcf")
_TNEF_KINDS: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SEALED_KINDS: Final = frozenset({"application/x-microsoft-rpmsg-message", "application/pgp-encrypted"})
"""Rights-protected mail, and PGP/MIME whose multipart/encrypted some server turned into mixed."""
Place = Literal["alone", "first", "later", "inside", "beside"]
"""The only part; before any text was found; after some; inside a page (related); beside what counts (a signature)."""
_MOST_PLAIN: Final = 512 * 1024
"""Characters of plain text in one mail: two parts of the greatest length."""
_STUB: Final = re.compile(
    r"html|mime|browser|client|klient|programm?\b|viewer|webversion|navigateur|logiciel|клиент|браузер", re.IGNORECASE
)
"""Words of what programs write into text/plain when they only mean HTML; people use them too, but then in both."""
_MAX_STUB: Final = 500
_MARKUP: Final = re.compile(
    r"(?is)\A\s*(?:<!doctype html|<html\b|<\?xml[^>]*>\s*<(?:!doctype )?html|<(?:div|p|body)\b[^>]*>.*</)"
)
_META: Final = re.compile(rb"<meta\b[^>]{0,200}?charset=[\"'\s]{0,3}([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_WRAPPED: Final = re.compile(r"(?m)^[^\n>]{55,80}\n(?=[^\s>])")
_TOUCHING: Final = re.compile(r"\S[ \t]*\n[ \t]*\S")
_APART: Final = re.compile(r"\S[ \t]*\n[ \t]*\n")
"""Outlook writes a blank line after every line of the plain alternative: lines stand apart, none touch."""
"""A line that a client broke where it was full (Gmail, Notes, Roundcube)."""
_SINGLE_BREAK: Final = re.compile(r"[^\n]\n[^\n]")
"""Where this is missing, Outlook may have written an empty line after every paragraph."""
_PICTURE_KINDS: Final = ("image/", "video/")
_LEAST_LOOSE: Final = 7_000
_LEAST_INSIDE: Final = 70_000
"""Characters (base64) from which a picture is no logo: beside the text where nobody attached it, and inside a page."""
_MARKED: Final = 64 * 1024
"""Bytes that tell one picture from another, with its length."""
_EXCHANGE_TEXT: Final = re.compile(r"ATT\d{5}\.(?:txt|html?)", re.IGNORECASE)
"""What Exchange makes of the text that a phone puts behind a picture."""
_NOT_WORD: Final = re.compile(r"[\W_]+")


@dataclass(slots=True)
class Piece:
    """One stretch of text as one part holds it."""

    form: Literal["plain", "html"]
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a person wrote, what was quoted below it, and what else was in the mail."""

    text: str
    cut: str
    attachments: tuple[str, ...]
    parts: tuple[Part, ...]
    """Every part of the mail, in order."""
    attached: tuple[Attachment, ...] = ()
    """Files, pictures and films that the person meant to send."""


@dataclass(slots=True)
class _BodyReader:
    reader: Reader
    charset: str
    attachments: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    attached: list[Attachment] = field(default_factory=list)
    shown: list[Attachment] = field(default_factory=list)
    """Large pictures inside a page: the person's own, or part of what was quoted."""
    unread: int = _MOST_PLAIN
    """Characters of plain text that are still read, over all parts."""
    spare: list[Piece] = field(default_factory=list)
    """HTML that was passed over for plain text."""

    def pieces(self, part: Part, depth: int = 0, place: Place = "alone") -> list[Piece]:
        """The text under one part, by the place where the part stands."""
        self.parts.append(part)
        if part.kind.startswith("multipart/"):
            return self._container(part, depth, place)
        if place in {"alone", "first"} and _is_smime(part):
            content = signed.signed_content(part.decoded())
            if content is not None:
                return self.pieces(self.reader.read(content.replace(b"\r\n", b"\n"), depth + 1), depth + 1, place)
        if part.kind in _SEALED_KINDS:
            raise signed.encrypted()
        if _is_written(part, place):
            return [self._text(part)]
        self._attach(part, place)
        return []

    def _container(self, part: Part, depth: int, place: Place) -> list[Piece]:
        subtype = part.kind.removeprefix("multipart/")
        if subtype == "encrypted":
            raise signed.encrypted()
        if subtype == "alternative":
            return self._alternative(part, depth, place)
        if subtype == "appledouble":
            self._attach(part.children[-1], place)
            return []
        root = _root(part) if subtype == "related" else 0
        pieces: list[Piece] = []
        for index, child in enumerate(part.children):
            if subtype in {"signed", "related", "report"} and index != root:
                self.pieces(child, depth + 1, "inside" if subtype == "related" else "beside")
                continue
            where = "later" if pieces and place in {"alone", "first"} else "first" if place == "alone" else place
            pieces += _without_repeat(pieces, self.pieces(child, depth + 1, where))
        return pieces

    def _alternative(self, part: Part, depth: int, place: Place) -> list[Piece]:
        place = "first" if place == "alone" else place
        choices = [pieces for child in part.children if (pieces := self.pieces(child, depth + 1, place))]
        plain = next((pieces for pieces in choices if all(piece.form == "plain" for piece in pieces)), None)
        rich = next((pieces for pieces in reversed(choices) if any(piece.form == "html" for piece in pieces)), None)
        if plain is None or rich is None:
            return rich or plain or []
        chosen = _better(plain, rich)
        self.spare += rich if chosen is plain else []
        return chosen

    def _text(self, part: Part) -> Piece:
        data = part.decoded()[: self.reader.limits.max_text]
        label = part.params.get("charset", "")
        if part.kind == "text/html":
            return Piece("html", decode(data, label if codec_for(label) else _meta_charset(data), self.charset))
        text = self._share(decode(data, label, self.charset))
        if part.kind == "text/enriched":
            return Piece("plain", plain_text.clean(plain_text.read_enriched(text)))
        if part.kind == "text/richtext":
            return Piece("plain", plain_text.clean(plain_text.read_richtext(text)))
        plain = plain_text.without_marks(signed.without_armor(plain_text.read_plain(text, part.params)))
        return Piece("html", text) if _looks_like_markup(plain) else Piece("plain", plain)

    def _share(self, text: str) -> str:
        """What is read of a plain text, given what was read of the mail's other texts."""
        text = plain_text.shortened(text)[: self.unread]
        self.unread -= len(text)
        return text

    def _attach(self, part: Part, place: Place) -> None:
        if part.kind.startswith(_PICTURE_KINDS):
            self._see(part, place)
        elif _is_meant(part, place):
            names = tnef.attached_files(part.decoded()) if _is_tnef(part) else [part.filename or for_people(part.kind)]
            self.attached += [Attachment(name, f"{_mark(part)}-{n}") for n, name in enumerate(names)]
        if part.kind in _SILENT_KINDS or (place == "inside" and part.disposition != "attachment"):
            return
        self.attachments.append(part.filename or for_people(part.kind))

    def _see(self, part: Part, place: Place) -> None:
        """Tell a person's pictures from the logos of mail programs and signatures, by place and size."""
        inside = place == "inside" and (part.disposition != "attachment" or "content-id" in part.headers)
        attached = part.disposition == "attachment" and not inside
        if attached or len(part.body) >= (_LEAST_INSIDE if inside else _LEAST_LOOSE):
            picture = Attachment(part.filename or for_people(part.kind), _mark(part))
            (self.shown if inside else self.attached).append(picture)


def _mark(part: Part) -> str:
    return hashlib.sha256(part.body[:_MARKED]).hexdigest()[:32] + f"-{len(part.body)}"


def _is_meant(part: Part, place: Place) -> bool:
    """Whether a person attached a file, rather than a mail program a signature, a contact card or a part of a page."""
    if part.kind in _SILENT_KINDS | _CARD_KINDS or part.filename.lower().endswith(_SIGNATURE_NAMES):
        return False
    if part.disposition == "attachment" or _is_tnef(part):
        return True
    return place not in {"inside", "beside"} and bool(part.filename or part.kind == "message/rfc822")


def _is_tnef(part: Part) -> bool:
    return part.kind in _TNEF_KINDS or part.filename.lower() == "winmail.dat"


def _looks_like_markup(text: str) -> bool:
    return (text.startswith("<") or text[:1].isspace()) and _MARKUP.match(text) is not None


def _meta_charset(data: bytes) -> str:
    """The charset that an HTML page names itself, where the mail does not (HTML §4.2.5.4)."""
    match = _META.search(data[:4096])
    return match[1].decode("ascii") if match else ""


def _is_smime(part: Part) -> bool:
    if part.kind in _SMIME_KINDS:
        return part.params.get("smime-type", "").lower() != "certs-only"
    return part.kind == "application/octet-stream" and part.filename.lower() == "smime.p7m"


def _is_written(part: Part, place: Place) -> bool:
    """Whether a text part is the person's words rather than a file (RFC 2183 §2)."""
    if part.kind != "text/html" and part.kind not in _PLAIN_KINDS:
        return False
    if place in {"inside", "beside"}:
        return False
    if place == "alone" or not (part.filename or part.disposition == "attachment"):
        return True
    if _EXCHANGE_TEXT.fullmatch(part.filename):
        return True
    return place == "first" and not part.disposition


def _root(part: Part) -> int:
    """Index of a multipart/related's root (RFC 2387 §3.2): `start`, else the first part."""
    start = part.params.get("start", "").strip("<> ")
    if start:
        for index, child in enumerate(part.children):
            if child.headers.first("content-id").strip("<> ") == start:
                return index
    return 0


def _words(text: str) -> str:
    return _NOT_WORD.sub("", text).lower()


def _without_repeat(before: list[Piece], found: list[Piece]) -> list[Piece]:
    """Drop an HTML part that says the same as the plain part in front of it: alternatives sent as multipart/mixed."""
    if len(before) == len(found) == 1 and before[0].form == "plain" and found[0].form == "html":
        plain = _words(before[0].text)
        if plain and plain == _words(html_to_text(found[0].text)):
            return []
    return found


def _better(plain: list[Piece], rich: list[Piece]) -> list[Piece]:
    """Choose between alternatives: plain text, unless the client made it worse than what the person saw.

    Worse is a stub, text that lost its letters, and lines that were wrapped or set apart while the words are the same.
    """
    text = "\n".join(piece.text for piece in plain)
    if not text.strip() or _is_stub(text, rich):
        return rich
    lost, relined = "??" in text, _WRAPPED.search(text) or "\n\n" in text
    if not lost and not relined:
        return plain
    kept = _cut(plain).kept
    relined = relined and (_WRAPPED.search(kept) or ("\n\n" in kept and not _SINGLE_BREAK.search(kept)))
    if not lost and not relined:
        return plain
    shown = "\n".join(_cut([piece]).kept for piece in rich)
    if lost and shown.count("?") < kept.count("?") and not shown.isascii():
        return rich
    return rich if relined and _words(shown) == _words(kept) and shown.count("\n") < kept.count("\n") else plain


def _is_stub(text: str, rich: list[Piece]) -> bool:
    """Whether a short text speaks of mail programs and says nothing that the HTML beside it says."""
    if len(text) > _MAX_STUB or not _STUB.search(text):
        return False
    return _words(text) not in _words(" ".join(html_to_text(piece.text) for piece in rich if piece.form == "html"))


def read_body(root: Part, reader: Reader) -> Written:
    """Read a whole mail. Raises Refusal where it is encrypted or beyond the limits."""
    body = _BodyReader(reader, root.params.get("charset", ""))
    pieces = body.pieces(root)
    text, cut = _read(pieces)
    if not text and body.spare:
        text, cut = _read(body.spare)
    # A reply carries the pictures of the page that it quotes.
    attached = body.attached if cut else body.attached + body.shown
    return Written(text, cut, tuple(body.attachments), tuple(body.parts), tuple(attached))


def _read(pieces: list[Piece]) -> tuple[str, str]:
    """What was written and what was quoted, over all pieces; pieces of one form are read as one text."""
    cuts = [_cut(pieces)] if len({piece.form for piece in pieces}) < 2 else [_cut([piece]) for piece in pieces]
    text = "\n".join(kept for cut in cuts if (kept := plain_text.clean(cut.kept.replace(plain_text.OWN_MARK, ""))))
    return text, "\n".join(cut for cut in (plain_text.clean(cut.cut) for cut in cuts) if cut)


def _cut(pieces: list[Piece]) -> Cut:
    if not pieces:
        return Cut("", "")
    cut = cut_html if pieces[0].form == "html" else cut_text
    return cut("\n".join(piece.text for piece in pieces if piece.text.strip()))
