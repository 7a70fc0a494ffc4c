"""Reads which files a TNEF envelope holds: the winmail.dat that Outlook and Exchange put around a mail.

In: its bytes. Out: names. Most envelopes hold formatting alone. What is cut off or malformed ends the reading, never
raises (MS-OXTNEF §2.1.3).
"""

from __future__ import annotations

import struct
from typing import Final

from gateway.reading.headers import for_people

_SIGNATURE: Final = 0x223E9F78
_ATTACHMENT_LEVEL: Final = 2
_BEGINS: Final = 0x00069002
"""attAttachRendData: the first attribute of each attachment."""
_TITLE: Final = 0x00018010
"""attAttachTitle: the file's name in the sender's code page, often shortened."""
_MOST: Final = 50
"""Files that are named."""


def attached_files(data: bytes) -> list[str]:
    """The names of the files inside; "winmail.dat" for one without a name."""
    names: list[str] = []
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        return names
    at = 6
    while at + 9 <= len(data) and len(names) < _MOST:
        level, attribute, length = struct.unpack_from("<BII", data, at)
        content = data[at + 9 : at + 9 + length]
        if len(content) < length:
            break
        if level == _ATTACHMENT_LEVEL and attribute == _BEGINS:
            names.append("winmail.dat")
        elif level == _ATTACHMENT_LEVEL and attribute == _TITLE and names:
            names[-1] = for_people(content.split(b"\0")[0].decode("cp1252", "replace")) or names[-1]
        at += 9 + length + 2
    return names
