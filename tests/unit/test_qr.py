"""Every picture of the package, read by a decoder that others wrote."""

from __future__ import annotations

import io
import random
import subprocess
import zipfile

import pytest
from PIL import Image, ImageOps

from gateway.qr import QUIET_ZONE, package, png, sms_uri, svg, vcard
from gateway.translation import LANGUAGES
from tests.camera import read

pytestmark = pytest.mark.proves("D7")

NUMBER = "+45609946474825"
STEM = "qr-sms-45609946474825"
RASTER = [
    f"{STEM}-small.png",
    f"{STEM}-web.png",
    f"{STEM}-print.png",
    *(f"{STEM}.{kind}" for kind in ("gif", "jpg", "tif", "webp", "bmp")),
]
VECTOR = [f"{STEM}.{kind}" for kind in ("svg", "pdf", "eps")]


@pytest.fixture(scope="module")
def archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(package(NUMBER, "Peter Hansen", organisation="Firma A/S", language="da")))


def white_border(picture: Image.Image) -> int:
    """White pixels before the first dark one, from the left."""
    dark = ImageOps.invert(picture.convert("L")).point(lambda light: 255 if light > 127 else 0)
    box = dark.getbbox()
    assert box is not None
    return box[0]


@pytest.mark.parametrize("name", RASTER)
def test_raster_images_scan(archive, name):
    picture = Image.open(io.BytesIO(archive.read(name)))
    assert read(picture) == "sms:+45609946474825"
    assert white_border(picture) == QUIET_ZONE * picture.width // 33


@pytest.mark.parametrize("pixels", [4, 6, 10])
def test_each_number_of_the_pool_scans(pixels):
    drawn = random.Random(23810)  # also two that one reader of the field cannot read
    numbers = [f"+456099{drawn.randrange(10**8):08}" for _ in range(500)] + ["+45609946533424", "+45609946765614"]
    unread = [number for number in numbers if read(Image.open(io.BytesIO(png(number, pixels)))) != f"sms:{number}"]
    assert unread == []


@pytest.mark.parametrize("name", VECTOR)
def test_vector_images_scan(archive, name, require, tmp_path):
    source, target = tmp_path / name, tmp_path / "page.png"
    source.write_bytes(archive.read(name))
    commands = {
        "svg": ["rsvg-convert", "-w", "400", "-o", str(target), str(source)],
        "pdf": ["pdftoppm", "-png", "-r", "200", "-singlefile", str(source), str(target.with_suffix(""))],
        "eps": [
            "gs",
            "-q",
            "-dSAFER",
            "-dBATCH",
            "-dNOPAUSE",
            "-dEPSCrop",
            "-sDEVICE=pnggray",
            "-r200",
            f"-sOutputFile={target}",
            str(source),
        ],
    }
    command = commands[name.rpartition(".")[2]]
    subprocess.run([require(command[0]), *command[1:]], check=True, timeout=30)
    picture = Image.open(target)
    assert read(picture) == "sms:+45609946474825"
    assert white_border(picture) >= QUIET_ZONE * picture.width // 33 - 2


def test_sizes_for_screen_and_print(archive):
    widths = [Image.open(io.BytesIO(archive.read(name))).width for name in RASTER[:3]]
    assert widths == [132, 330, 1320]
    assert round(Image.open(io.BytesIO(archive.read(f"{STEM}-print.png"))).info["dpi"][0]) == 600


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_readme_names_each_file(language):
    archive = zipfile.ZipFile(io.BytesIO(package(NUMBER, "Peter", language=language)))
    readme, *others = archive.namelist()
    text = archive.read(readme).decode("utf-8-sig")
    assert sorted(others) == sorted([*RASTER, *VECTOR, f"{STEM}.vcf"])
    assert "+45 609946474825" in text
    for name in others:
        assert len(text.partition(name)[2].partition("\r\n")[0]) > 10, name
    assert archive.testzip() is None


def test_the_card_holds_the_number(archive):
    card = archive.read(f"{STEM}.vcf").decode().splitlines()
    assert card == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "N:Peter Hansen;;;;",
        "FN:Peter Hansen",
        "ORG:Firma A/S",
        "TEL;TYPE=CELL,MSG:+45609946474825",
        "END:VCARD",
    ]


def test_cards_escape_and_fold():
    card = vcard(NUMBER, "A, B; C\\D\r\nTEL:+4512345678", "Ø" * 80)
    assert "FN:A\\, B\\; C\\\\D\\nTEL:+4512345678\r\n" in card
    assert card.count("\r\nTEL") == 1
    assert all(len(line.encode()) <= 75 for line in card.split("\r\n"))
    assert "ORG:" + "Ø" * 80 in card.replace("\r\n ", "")
    assert "FN:+45 609946474825" in vcard(NUMBER, " ", "")


def test_single_pictures():
    assert read(Image.open(io.BytesIO(png(NUMBER, 6)))) == "sms:+45609946474825"
    assert svg(NUMBER).lstrip().startswith(b"<?xml")


@pytest.mark.parametrize("number", ["", "45609946474825", "+45 6099", "+45x", "+4512;body=x"])
def test_only_numbers_become_codes(number):
    with pytest.raises(ValueError, match=r"E\.164"):
        sms_uri(number)
