"""What phones received, kept where no fault of the gateway reaches it.

Each kind of provider brings the lines of configuration that lead to it, and the texts that arrived.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path


class SimulatedPhones:
    """The simulator's journal, in a folder of its own: it survives the gateway and its disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = folder / "phones.jsonl"
        self.toml = f'[[provider]]\nname = "simulator"\nkind = "simulator"\npath = "{self._journal}"\n'

    def received(self) -> Counter[str]:
        """How often each text arrived."""
        lines = self._journal.read_text().splitlines() if self._journal.exists() else []
        entries = (json.loads(line) for line in lines)
        return Counter(entry["text"] for entry in entries if entry["kind"] == "received")
