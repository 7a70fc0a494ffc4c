"""Everything that people and programs can do, in one place that pages and API are given."""

from __future__ import annotations

from dataclasses import dataclass

from web.desk.accounts import AccountDesk
from web.desk.keys import KeyDesk


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk for each subject."""

    accounts: AccountDesk
    keys: KeyDesk
