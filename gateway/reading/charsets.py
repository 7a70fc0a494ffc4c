"""Bytes and a charset label in, text out: labels as mail clients write them, guesses where they lie.

Promises: never raises, costs linear time, and only ever uses codecs from a closed table. (Python's own look-up would
import modules by name, remember every unknown label for ever, and offer quadratic codecs such as punycode.)
"""

from __future__ import annotations

import re
from typing import Final

from gateway.reading.invisible import only_visible

_NAMES: Final = {
    "utf8": "utf-8",
    "utf8mb4": "utf-8",
    "unicode11utf8": "utf-8",
    "utf7": "utf-7",
    "unicode11utf7": "utf-7",
    "utf16": "utf-16",
    "utf16le": "utf-16-le",
    "utf16be": "utf-16-be",
    "iso10646ucs2": "utf-16",
    "ucs2": "utf-16",
    "utf32": "utf-32",
    "utf32le": "utf-32-le",
    "utf32be": "utf-32-be",
    "gb18030": "gb18030",
    "hzgb2312": "hz",
    "hz": "hz",
    "johab": "johab",
    "hproman8": "hp-roman8",
    "koi8r": "koi8-r",
    "koi8": "koi8-r",
    "koi8u": "koi8-u",
    "koi8ru": "koi8-u",
    "koi8t": "koi8-t",
    "ptcp154": "ptcp154",
    "kz1048": "kz1048",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "xgbk": "gb18030",
    "cp936": "gb18030",
    "euccn": "gb18030",
    "eucgb2312cn": "gb18030",
    "gb231280": "gb18030",
    "big5": "cp950",
    "big5tw": "cp950",
    "xxbig5": "cp950",
    "cnbig5": "cp950",
    "big5hkscs": "big5hkscs",
    "cp950": "cp950",
    "euckr": "cp949",
    "ksc56011987": "cp949",
    "ksc5601": "cp949",
    "uhc": "cp949",
    "cp949": "cp949",
    "iso2022kr": "iso2022_kr",
    "eucjp": "euc_jis_2004",
    "xeucjp": "euc_jis_2004",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "xsjis": "cp932",
    "mskanji": "cp932",
    "cp932": "cp932",
    "windows31j": "cp932",
    "iso2022jp": "iso2022_jp_ext",
    "iso2022jp1": "iso2022_jp_1",
    "iso2022jp2": "iso2022_jp_2",
    "iso2022jp3": "iso2022_jp_3",
    "iso2022jp2004": "iso2022_jp_2004",
    "cp50220": "iso2022_jp_ext",
    "tis620": "cp874",
    "windows874": "cp874",
    "dos874": "cp874",
    "iso885911": "cp874",
    "macintosh": "mac-roman",
    "mac": "mac-roman",
    "xmacroman": "mac-roman",
    "xmaccyrillic": "mac-cyrillic",
    "xmacukrainian": "mac-cyrillic",
    "xmacgreek": "mac-greek",
    "xmacturkish": "mac-turkish",
    "xmacicelandic": "mac-iceland",
    "xmacce": "mac-latin2",
    "xmaccentraleurroman": "mac-latin2",
    "ascii": "ascii",
    "usascii": "ascii",
    "ansix341968": "ascii",
    "iso646us": "ascii",
    # ISO 8859-1 and friends are written by programs that mean Windows-1252 (WHATWG Encoding §4.2)
    "latin1": "cp1252",
    "l1": "cp1252",
    "iso88591": "cp1252",
    "iso885911987": "cp1252",
    "ansi": "cp1252",
    "xansi": "cp1252",
    "iso88599": "cp1254",
    "latin5": "cp1254",
    "latin2": "iso8859-2",
    "latin9": "iso8859-15",
    "latin0": "iso8859-15",
    "cyrillic": "iso8859-5",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "arabic": "iso8859-6",
    "logical": "iso8859-8",
}
"""Labels, in small letters and digits alone, and the codecs that they mean."""


def _table() -> dict[str, str]:
    table = dict(_NAMES)
    table |= {f"iso8859{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
    table |= {"iso88598i": "iso8859-8", "iso88598e": "iso8859-8"}
    for page in range(1250, 1259):
        table |= dict.fromkeys((f"windows{page}", f"cp{page}", f"win{page}", f"xcp{page}", f"ms{page}"), f"cp{page}")
    for page in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874):
        table |= dict.fromkeys((f"cp{page}", f"ibm{page}", f"dos{page}", f"pc{page}"), f"cp{page}")
    return table


_CODECS: Final = _table()
_NOT_LABEL: Final = re.compile(r"[^a-z0-9]")
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SAMPLE: Final = 20_000
"""Bytes that a guess looks at."""


def codec_for(label: str) -> str | None:
    """The Python codec for a charset label (IANA names, aliases, vendors' habits), None where it says nothing."""
    return _CODECS.get(_NOT_LABEL.sub("", label[:60].lower()))


def decode(data: bytes, label: str = "", hint: str = "") -> str:
    """Decode `data` as labelled, but not against the evidence.

    Text that is valid UTF-8 with multi-byte characters is UTF-8 even under a one-byte label. A label is guessed, `hint`
    (another part's label) first, where it is missing or unknown, or where US-ASCII, every mailer's default, stands
    above bytes that it does not know. What cannot be decoded becomes U+FFFD.
    """
    codec = next((codec for name in (label, hint) if name and (codec := codec_for(name)) not in {None, "ascii"}), None)
    if codec not in _SEVEN_BIT and data.isascii() and b"\x1b" not in data and b"\x00" not in data:
        return data.decode("ascii")
    codec = next((named for bom, named in _BOMS if data.startswith(bom)), codec)
    if codec is None or _is_mislabelled(data, codec):
        return _decode_unlabelled(data)
    if codec == "utf-8":
        return _without_c1(_decode_utf8(data))
    if codec in _WIDE and len(data) % 2 and data.endswith(b"\n"):
        data = data[:-1]  # the line end that the transport added is a single byte
    if codec == "utf-7":
        data = data[:_UTF7_LONGEST]
    text = data.decode(_byte_order(data, codec) if codec in {"utf-16", "utf-32"} else codec, "replace")
    return _without_c1(text)


_WIDE: Final = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
_SEVEN_BIT: Final = _WIDE | {"utf-7", "hz"}
"""Codecs in which ASCII bytes need not mean ASCII, ISO 2022 (always with an escape) aside."""
_ONE_BYTE_LATIN: Final = frozenset({"cp1252", "iso8859-15", "iso8859-2", "cp1250", "cp1254", "cp850", "mac-roman"})
"""Codecs in which a run of UTF-8 would read as nonsense such as "Ã¦"."""


_UTF7_LONGEST: Final = 250_000
"""Bytes. The codec is slow and holds the interpreter's lock; nobody sends more to a phone in it."""
_C1: Final = re.compile("[\x80-\x9f]")


def _without_c1(text: str) -> str:
    """Control characters of ISO 6429 are never meant: Windows-1252 punctuation went through a wrong conversion."""
    if only_visible(text):
        return text
    return _C1.sub(lambda match: match[0].encode("latin-1").decode("cp1252", "ignore"), text)


def _is_mislabelled(data: bytes, codec: str) -> bool:
    """UTF-8 under a one-byte label, or plain ASCII under a label of two-byte units."""
    if data.isascii():
        return codec in _WIDE and b"\x00" not in data
    return codec in _ONE_BYTE_LATIN and _is_utf8(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode_utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(char > "\x7f" for char in text) - broken
    return text if whole >= broken else _decode_unlabelled(data)


def _decode_unlabelled(data: bytes) -> str:
    """Guess: UTF-8, UTF-16 by its zero bytes, Cyrillic by its letters, else Windows-1252."""
    if _is_utf8(data) and b"\x00" not in data:
        return data.decode("utf-8")
    sample = data[:_SAMPLE]
    if sample.count(0) * 3 > len(sample):
        return data.decode(_byte_order(data, "utf-16"), "replace")
    return data.decode(_cyrillic(sample) or "cp1252", "replace")


def _byte_order(data: bytes, codec: str) -> str:
    """UTF-16 and UTF-32 without a BOM: big-endian (RFC 2781 §4.3) unless the zero bytes say otherwise."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return codec
    sample = data[:_SAMPLE]
    return codec + ("-le" if sample[1::2].count(0) > sample[0::2].count(0) else "-be")


_HIGH_WORD: Final = re.compile(rb"[\xc0-\xff]{5,}")


def _cyrillic(sample: bytes) -> str | None:
    """Name the Cyrillic code page of a text whose high bytes make words, by where its lower-case letters stand.

    A text that is mostly high bytes is Cyrillic; so is one, however much ASCII is quoted in it, whose high bytes mostly
    stand five and more together: in the Latin code pages they stand alone or with a neighbour.
    """
    high = [byte for byte in sample if byte >= 0xC0]
    letters = sum(0x41 <= byte & 0xDF <= 0x5A for byte in sample if byte < 0x80)
    words = sum(map(len, _HIGH_WORD.findall(sample)))
    if len(high) < 4 or (len(high) < letters and words * 2 < len(high)):
        return None
    return "cp1251" if sum(byte >= 0xE0 for byte in high) * 2 > len(high) else "koi8-r"
