"""A phone's camera: in front of a picture, and in front of the screen.

The reader is ZXing's, that of many scanner apps. OpenCV's fails on about every hundredth number, however large and clean
its code is (opencv/opencv issue 23810), and the numbers here are drawn anew in every run.
"""

from __future__ import annotations

import asyncio
import io

import zxingcpp
from PIL import Image
from playwright.async_api import Page


def read(picture: Image.Image) -> str:
    """What the QR code in it says, "" when none is found."""
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
    return found[0].text if found else ""


async def decoded(page: Page) -> str:
    """What it reads in the dialog: it looks until there is a code, or for some seconds."""
    for _ in range(50):
        shot = await page.locator("dialog img.qr").screenshot()
        if text := read(Image.open(io.BytesIO(shot))):
            return text
        await asyncio.sleep(0.1)
    return ""
