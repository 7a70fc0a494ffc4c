"""QR codes that open an SMS to a number, and the package of them that designers and printers ask for (D7).

In: a number in E.164 and names. Out: image files, a vCard, a ZIP, all as bytes. Raster images by qrcode and Pillow,
vector files by segno; content, error correction and quiet zone are the same in all.

The content is an RFC 5724 URI, "sms:+4560…", which the camera apps of Android and iOS and the older scanner apps read;
"SMSTO:" is a habit of one scanner library without a standard, and its upper case is lost on intent filters that
compare schemes by letter. Error correction Q (a quarter of the code may be dirty) still fits the smallest version.
"""

from __future__ import annotations

import io
import re
import zipfile
from functools import lru_cache
from typing import Any

import qrcode
import segno
from PIL import Image
from qrcode.constants import ERROR_CORRECT_Q

from gateway.numbers import display
from gateway.translation import Sentence, sentence, translations

QUIET_ZONE = 4
"""Modules of white around the code (ISO/IEC 18004 §9.1)."""
_E164 = re.compile(r"\+[0-9]{4,18}")
_SMALL, _WEB, _PRINT = 4, 10, 40
"""Pixels per module: about 130, 330 and 1,320 pixels wide."""
_PRINT_DPI = (600, 600)
_VECTOR_SCALE = 4
_RASTER: dict[str, tuple[str, int, dict[str, Any]]] = {
    "gif": ("GIF", _WEB, {}),
    "jpg": ("JPEG", _PRINT, {"quality": 95, "subsampling": 0, "dpi": _PRINT_DPI}),
    "tif": ("TIFF", _PRINT, {"compression": "group4", "dpi": _PRINT_DPI}),
    "webp": ("WEBP", _WEB, {"lossless": True}),
    "bmp": ("BMP", _WEB, {}),
}
_VECTOR = ("svg", "pdf", "eps")
_USES: dict[str, Sentence] = {
    "png_small": sentence("for mail signatures"),
    "png_web": sentence("for web pages and documents"),
    "png_print": sentence("for print where vector files cannot be used"),
    "svg": sentence("vector, for web pages and design programs"),
    "pdf": sentence("vector, for print shops"),
    "eps": sentence("vector, for print shops and older design programs"),
    "gif": sentence("for older programs"),
    "jpg": sentence("for programs that take photographs only"),
    "tif": sentence("for print shops and layout programs"),
    "webp": sentence("for modern web pages"),
    "bmp": sentence("for older Windows programs"),
    "vcf": sentence("contact card with the number"),
}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def sms_uri(number: str) -> str:
    """What a code says: "sms:" and the number (RFC 5724). ValueError for anything but E.164."""
    if not _E164.fullmatch(number):
        raise ValueError(f"{number!r} is not an E.164 number")
    return f"sms:{number}"


def png(number: str, scale: int = _WEB) -> bytes:
    """A PNG, `scale` pixels per module, quiet zone included."""
    return _raster(number, "PNG", scale, {"optimize": True})


def svg(number: str) -> bytes:
    """An SVG of its own, for a web page or a pop-up."""
    return _vector(number, "svg")


def vcard(number: str, name: str, organisation: str = "", email: str = "") -> str:
    """A contact card that every phone and mail program reads (vCard 3.0, RFC 2426). Lines end with CRLF."""
    label = name.strip() or organisation.strip() or display(number)
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:{_escaped(label)};;;;", f"FN:{_escaped(label)}"]
    if organisation.strip():
        lines.append(f"ORG:{_escaped(organisation)}")
    lines.append(f"TEL;TYPE=CELL,MSG:{sms_uri(number).removeprefix('sms:')}")
    if email:
        lines.append(f"EMAIL;TYPE=INTERNET:{_escaped(email)}")
    return "".join(_folded(line) for line in [*lines, "END:VCARD"])


def package(number: str, name: str, *, organisation: str = "", language: str = "en") -> bytes:
    """A ZIP with the code in every common format, a vCard, and a text that names each file's use."""
    words = translations(language)
    stem = f"qr-sms-{number.removeprefix('+')}"
    pictures = {
        "png_small": (f"{stem}-small.png", png(number, _SMALL)),
        "png_web": (f"{stem}-web.png", png(number, _WEB)),
        "png_print": (f"{stem}-print.png", _raster(number, "PNG", _PRINT, {"optimize": True, "dpi": _PRINT_DPI})),
    }
    pictures |= {kind: (f"{stem}.{kind}", _vector(number, kind)) for kind in _VECTOR}
    pictures |= {kind: (f"{stem}.{kind}", _raster(number, *how)) for kind, how in _RASTER.items()}
    pictures["vcf"] = (f"{stem}.vcf", vcard(number, name, organisation).encode())
    uses = [f"{filename}  -  {words.say(_USES[use])}" for use, (filename, _) in pictures.items()]
    title = words.gettext("QR code that opens an SMS to %(number)s", number=display(number))
    intro = words.gettext(
        "Scan a picture with a phone: an SMS to the number opens. Keep the white border around the code, and print it "
        "at least 2 cm wide."
    )
    readme = [title, intro, "\r\n".join(uses)]
    # Old Windows programs take a text for UTF-8 only when it begins with the mark.
    content = ("\ufeff" + "\r\n\r\n".join(readme) + "\r\n").encode()
    return _zipped([(words.gettext("README.txt"), content), *pictures.values()])


def _zipped(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for filename, content in members:
            entry = zipfile.ZipInfo(filename, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@lru_cache(maxsize=64)
def _modules(number: str) -> tuple[tuple[bool, ...], ...]:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_ZONE)
    code.add_data(sms_uri(number), optimize=0)
    code.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def _raster(number: str, image_format: str, scale: int, options: dict[str, Any]) -> bytes:
    modules = _modules(number)
    image = Image.new("1", (len(modules), len(modules)), 1)
    image.putdata([0 if dark else 1 for row in modules for dark in row])
    image = image.resize((len(modules) * scale, len(modules) * scale), Image.Resampling.NEAREST)
    if image_format in {"JPEG", "WEBP"}:
        image = image.convert("L" if image_format == "JPEG" else "RGB")
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def _vector(number: str, kind: str) -> bytes:
    code = segno.make_qr(sms_uri(number), error="q", boost_error=False)
    size: dict[str, Any] = {"kind": kind, "scale": _VECTOR_SCALE, "border": QUIET_ZONE, "light": "#fff"}
    if kind == "eps":
        text = io.StringIO()
        code.save(text, **size)
        return text.getvalue().encode("ascii")
    buffer = io.BytesIO()
    code.save(buffer, **size, **({"title": f"SMS {number}"} if kind == "svg" else {}))
    return buffer.getvalue()


def _escaped(value: str) -> str:
    """RFC 2426 §4: backslash, comma, semicolon and line ends."""
    plain = re.sub(r"\r\n|\r", "\n", value.strip())
    escaped = re.sub(r"([\\,;])", r"\\\1", plain).replace("\n", r"\n")
    return re.sub("[\x00-\x1f\x7f]", " ", escaped)


def _folded(line: str) -> str:
    """RFC 2426 §2.6: at most 75 octets, characters kept whole, further lines behind a space."""
    out, room = "", 75
    for character in line:
        size = len(character.encode("utf-8", "replace"))
        if size > room:
            out, room = out + "\r\n ", 74
        out, room = out + character, room - size
    return out + "\r\n"
