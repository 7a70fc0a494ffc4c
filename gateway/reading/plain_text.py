"""Decoded text parts in, lines as the person typed them out: format=flowed, text/enriched, characters nobody sees.

Sources: RFC 3676 (flowed, DelSp), RFC 1896 (enriched). Promises: line ends are LF, blanks are U+0020, no control
character is left, and nothing else is changed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final

from gateway.reading.invisible import only_visible

_LINE_ENDS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_BLANKS: Final = str.maketrans(dict.fromkeys("\t\u00a0\u2007\u202f", " "))
_CONTROL: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffc\ud800-\udfff]+"
)
_BIDI: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_JOINER: Final = re.compile("(?<![\u0600-\U0010ffff])[\u200c\u200d]+|[\u200c\u200d]+(?![\u0600-\U0010ffff])")
_SYMBOLS: Final = str.maketrans(
    {"\uf04a": ":-)", "\uf04b": ":-|", "\uf04c": ":-(", "\uf0e0": "->", "\uf0df": "<-", "\uf0e8": "=>", "\uf0a7": "-"}
)
"""What Outlook's autocorrection leaves of smileys and arrows: Wingdings in the private use area."""
_FLOWED_SIGNS: Final = (" \n", "\n ", "\n>")
"""A text without them has no line that flows, is stuffed or quoted."""
_HEAD: Final = 192 * 1024
_TAIL: Final = 64 * 1024
"""Characters of a text part that are read: from its beginning, and from its end for those who answer below."""
OWN_MARK: Final = "\ue000"
"""Stands before a ">" that the person typed, as space-stuffing says (RFC 3676 §4.4), until quotes are cut."""


def clean(text: str) -> str:
    """Normalise line ends and blanks, remove what is invisible, and strip what is blank at both ends.

    Joiners stay inside emoji and the scripts that need them; direction marks stay where a text runs right to left. The
    signature delimiter "-- " keeps its blank; other blanks at the end of a line go, since they would cost.
    """
    if _is_clean(text):
        return trimmed(text)
    text = _LINE_ENDS.sub("\n", text)
    if text.isascii():
        return trimmed(_CONTROL.sub("", text.replace("\t", " ")))
    text = _CONTROL.sub("", text.translate(_BLANKS).translate(_SYMBOLS))
    text = _JOINER.sub("", text)
    if not _RIGHT_TO_LEFT.search(text):
        text = _BIDI.sub("", text)
    return trimmed(text.replace("\ufffd", "?"))


def _is_clean(text: str) -> bool:
    """Whether nothing but blanks at the ends of lines is left to clean."""
    return "\r" not in text and "\ufffc" not in text and "\ufffd" not in text and only_visible(text)


def trimmed(text: str) -> str:
    """Remove blanks at line ends (save in "-- ") and everything blank at both ends."""
    if " \n" in text or text.endswith(" "):
        text = "\n".join(line if line == "-- " else line.rstrip(" ") for line in text.split("\n"))
    return text.strip("\n ")


def shortened(text: str) -> str:
    """The beginning and the end of a text that is longer than anybody reads or any number of SMS can carry."""
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def read_plain(text: str, params: Mapping[str, str]) -> str:
    """Read a text/plain part by its `format` and `delsp` parameters."""
    if params.get("format", "").lower() == "flowed":
        lines = text if _is_clean(text) else _LINE_ENDS.sub("\n", text)
        text = unflow(lines, delsp=params.get("delsp", "").lower() == "yes")
    return _unescaped(clean(text))


def _unescaped(text: str) -> str:
    """Take the ">" off a lone line ">From ...", which a mailbox in mbox format puts there (RFC 4155, Appendix A)."""
    if ">From " not in text:
        return text
    lines = text.split("\n")
    said = ""
    for index, line in enumerate(lines):
        beside = lines[max(index - 1, 0) : index] + lines[index + 1 : index + 2]
        quoted = said.startswith(">") or said.endswith((":", "-")) or any(other.startswith(">") for other in beside)
        if line.startswith(">From ") and not quoted:
            lines[index] = line[1:]
        said = line.rstrip() or said
    return "\n".join(lines)


def unflow(text: str, *, delsp: bool) -> str:
    """Join the paragraphs of a format=flowed text (RFC 3676 §4); quoted lines come back as "> " times their depth.

    A line that the person began with ">" comes back behind OWN_MARK.
    """
    if not text.startswith((" ", ">")) and not any(sign in text for sign in _FLOWED_SIGNS) and text[-1:] != " ":
        return text
    paragraphs: list[str] = []
    pieces: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        if not depth and content.startswith(">"):
            content = OWN_MARK + content
        flows = content[-1:] == " "
        signature = flows and content == "-- "
        flows = flows and not signature
        if flows and delsp:
            content = content[:-1]
        if open_depth == depth and not signature:
            pieces.append(content)
        else:
            if pieces:
                paragraphs.append("".join(pieces))
            pieces = ["> " * depth + content]
        open_depth = depth if flows else -1
    paragraphs.append("".join(pieces))
    return "\n".join(paragraphs)


_PICTURE: Final = re.compile(
    r"\[(?:cid:[^\]\s]{1,200}|image: ?[^\]\n]{0,200}|Inline image \d{1,3})\]|<tel:[^<>\s]{1,40}>", re.IGNORECASE
)
_PICTURE_SIGNS: Final = ("[cid:", "[image:", "[inline image ", "<tel:")
_MAX_PICTURES: Final = 500
"""Of more, a text keeps what stands for them: looking for their ends would cost."""
_PICTURE_LINE: Final = re.compile(rf"(?im)(?<=\n\n)(?:{_PICTURE.pattern})[ ]*\n\n?|^(?:{_PICTURE.pattern})[ ]*\n")
_TARGET: Final = re.compile(r"<((?:mailto|https?):[^<>\s]{1,300})>")
_LONGEST_LINK: Final = 300
"""Characters of the words before a link's target, which stand without a blank between them."""
_SCHEME: Final = re.compile(r"^(?:mailto:|https?://)(?:www\.)?|\?.*$|/$|[\s()-]", re.IGNORECASE)


def without_marks(text: str) -> str:
    """Remove what clients put into plain text for pictures, and link targets that only repeat the words before them."""
    lowered = text.lower() if "[" in text or "<" in text else ""
    if 0 < sum(lowered.count(sign) for sign in _PICTURE_SIGNS) <= _MAX_PICTURES:
        text = _PICTURE.sub("", _PICTURE_LINE.sub("", text))
    if "<mailto:" in text or "<http" in text:
        text = _without_repeated_targets(text)
    return trimmed(text)


def _without_repeated_targets(text: str) -> str:
    """Take off the targets of links that the word before them names already; a blank may stand between the two."""
    pieces: list[str] = []
    done = 0
    for target in _TARGET.finditer(text):
        end = target.start() - (text[target.start() - 1 : target.start()] == " ")
        word = text[max(done, end - _LONGEST_LINK) : end]
        word = "" if not word or word[-1].isspace() else word.split()[-1]
        if word:
            pieces.append(text[done:end] if _bare(word) == _bare(target[1]) else text[done : target.end()])
            done = target.end()
    return "".join([*pieces, text[done:]])


def _bare(link: str) -> str:
    return _SCHEME.sub("", _SCHEME.sub("", link).lower()).removeprefix("www.")


_ENRICHED_PARAM: Final = re.compile(r"<(param)>[^<]*</param>", re.IGNORECASE)
_ENRICHED_TAG: Final = re.compile(r"</?[A-Za-z0-9-]{1,60}>")
_NEWLINES: Final = re.compile(r"\n+")


def read_enriched(text: str) -> str:
    """Strip text/enriched to its words: one line end is a blank, n of them are n - 1, "<<" is "<" (RFC 1896)."""
    text = _NEWLINES.sub(lambda run: "\n" * (len(run[0]) - 1) or " ", text)
    text = text.replace("<<", "\x01")
    return _ENRICHED_TAG.sub("", _ENRICHED_PARAM.sub("", text)).replace("\x01", "<")


def read_richtext(text: str) -> str:
    """Strip text/richtext (RFC 1341 §7.1.3): <nl> and <paragraph> break lines, <lt> is "<"."""
    text = re.sub(r"(?i)<nl>|</?paragraph>", "\n", text.replace("\n", " "))
    return html.unescape(_ENRICHED_TAG.sub("", re.sub(r"(?i)<lt>", "&lt;", text)))
