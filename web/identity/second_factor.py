"""The second factor: time-based codes (TOTP, RFC 6238) from an app, and recovery codes for who has lost it.

The secret is sealed by the keyring. A code counts one step (30 seconds) early or late, and once: a step that was used,
and all before it, are never taken again (RFC 6238 §5.2). Of recovery codes an HMAC is kept; each works once.
"""

from __future__ import annotations

import base64
import re
import secrets
from hmac import compare_digest

import pyotp
import segno

from gateway.keyring import Keyring, KeyringError
from gateway.model import Clock
from gateway.store.database import Database
from web.identity.errors import DeadForm, WrongCode
from web.identity.model import Credentials, Person
from web.store import second_factor_sql
from web.store.second_factor_sql import Enrolment

STEP_SECONDS = 30
RECOVERY_CODES = 10
ISSUER = "Brevdue"
"""What apps show above the code."""
_CODE = re.compile(r"\d{6}")
_RECOVERY_BYTES = 10
_SETUP_SECONDS = 3600.0


class SecondFactor:
    """Sets it up, checks codes, takes it off."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    # --- setting up --------------------------------------------------------------------------------------------

    def propose(self, person: Person) -> str:
        """A new secret, sealed for the form that `enrol` reads back; nothing is kept."""
        return self._keyring.seal(f"{self._clock.now():.0f} {pyotp.random_base32()}", f"totp setup {person.id}")

    def shown(self, person: Person, proposed: str) -> tuple[str, str]:
        """The secret to be typed in, and the picture to be scanned instead (SVG as a data URI). Raises DeadForm."""
        secret = self._proposed(person, proposed)
        uri = pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=ISSUER)
        return secret, segno.make(uri, error="m").svg_data_uri(scale=5, border=4)

    async def enrol(self, person: Person, proposed: str, code: str) -> list[str]:
        """Set the second factor up with a code that proves that the app has it; the recovery codes, shown once.

        Raises WrongCode, DeadForm.
        """
        secret = self._proposed(person, proposed)
        step = self._step_of(secret, code)
        if step is None:
            raise WrongCode
        codes = _new_recovery_codes()
        sealed = self._keyring.seal(secret, _about(person))
        await self._database.write(
            second_factor_sql.enrol, Enrolment(person.id, sealed, step, self._digests(person, codes))
        )
        return codes

    async def renew_recovery_codes(self, person: Person) -> list[str]:
        """New recovery codes; the old ones work no more."""
        codes = _new_recovery_codes()
        await self._database.write(second_factor_sql.put_codes, (person.id, self._digests(person, codes)))
        return codes

    async def recovery_codes_left(self, person: Person) -> int:
        """How many are unused."""
        return await self._database.read(lambda connection: second_factor_sql.count_codes(connection, person.id))

    async def remove(self, person: Person) -> None:
        """Take it off, with the recovery codes."""
        await self._database.write(second_factor_sql.remove, person.id)

    # --- checking ----------------------------------------------------------------------------------------------

    async def check(self, known: Credentials, code: str) -> None:
        """Use a code up. Raises WrongCode; KeyringError where the secret file is another one."""
        person = known.person
        if known.totp and _CODE.fullmatch(_compact(code)):
            step = self._step_of(self._keyring.open(known.totp, _about(person)), code)
            used = step is not None and await self._database.write(second_factor_sql.use_step, (person.id, step))
        else:
            [digest] = self._digests(person, [code])
            used = bool(known.totp) and await self._database.write(second_factor_sql.use_code, (person.id, digest))
        if not used:
            raise WrongCode

    def _step_of(self, secret: str, code: str) -> int | None:
        """The time step that a code belongs to, of the last, this and the next one."""
        totp, now = pyotp.TOTP(secret, interval=STEP_SECONDS), int(self._clock.now()) // STEP_SECONDS
        given = _compact(code).encode()
        fitting = [step for step in (now - 1, now, now + 1) if compare_digest(totp.generate_otp(step).encode(), given)]
        return fitting[-1] if fitting else None

    def _proposed(self, person: Person, proposed: str) -> str:
        try:
            made_at, secret = self._keyring.open(proposed, f"totp setup {person.id}").split()
        except KeyringError as error:
            raise DeadForm from error
        if self._clock.now() - float(made_at) > _SETUP_SECONDS:
            raise DeadForm
        return secret

    def _digests(self, person: Person, codes: list[str]) -> list[str]:
        return [self._keyring.digest(f"{person.id}:{_compact(code)}", "recovery code") for code in codes]


def _about(person: Person) -> str:
    return f"totp {person.id}"


def _new_recovery_codes() -> list[str]:
    """Each of 80 random bits, in groups of four letters and digits."""
    codes = []
    for _ in range(RECOVERY_CODES):
        letters = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        codes.append("-".join(letters[place : place + 4] for place in range(0, len(letters), 4)))
    return codes


def _compact(code: str) -> str:
    """As people and apps write it, with spaces and dashes, in any case."""
    return re.sub(r"[\s-]", "", code[:100]).lower()
