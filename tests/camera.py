"""A phone's camera in front of the screen."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
from playwright.async_api import Page


async def decoded(page: Page) -> str:
    """What it reads in the dialog: it looks until there is a code, or for some seconds."""
    for _ in range(50):
        shot = await page.locator("dialog img.qr").screenshot()
        picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        if text := cv2.QRCodeDetector().detectAndDecode(picture)[0]:
            return text
        await asyncio.sleep(0.1)
    return ""
