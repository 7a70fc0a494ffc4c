"""Organisations and their API keys: making, pausing, rotating, showing (D3, D14).

A key's secret is 128 random bits, written as 32 hex digits; one of the kind REST has a word before them, which makes it
no address and lets it be recognised where it has leaked to. The database keeps an HMAC of it, to find it, and a sealed
copy, to show it again and to write it into From; both need the secret file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import TypeVar

from phonenumbers import SUPPORTED_REGIONS

from gateway.keyring import Keyring, KeyringError
from gateway.model import ApiKey, Clock, KeyKind, Organisation, new_id
from gateway.proof.alignment import ascii_domain
from gateway.registry.directory import Directory
from gateway.registry.errors import BadValue, NotFound, TooManySecrets, WrongSecretFile
from gateway.registry.listings import KeyListing
from gateway.scopes import DEFAULT_KEY_SCOPES, KEY_SCOPES, Scope, write_scopes
from gateway.settings import DialogSettings
from gateway.store import key_sql
from gateway.store.database import Database
from gateway.store.writer import Item, Result, Work
from gateway.translation import LANGUAGES, sentence

_DAY = 86_400.0
REST_PREFIX = "brevdue_"
"""What a REST key's secret begins with."""
_SECRET = re.compile(rf"(?:{REST_PREFIX})?[0-9a-f]{{32}}", re.IGNORECASE)


class Keys(Directory):
    """The directory, and the changes of organisations and keys."""

    def __init__(self, database: Database, keyring: Keyring, dialog: DialogSettings, clock: Clock) -> None:
        super().__init__(database, keyring, clock)
        self._dialog = dialog

    async def verify_secret_file(self) -> None:
        """Check at start that the secret file belongs to the database. Raises WrongSecretFile."""
        sample = await self._database.read(key_sql.any_secret)
        try:
            if sample is not None:
                self._keyring.open(sample.sealed, sample.key_id)
        except KeyringError as error:
            if self._keyring.discard_new():
                raise WrongSecretFile(
                    f"the secret file {self._keyring.path} is missing, and its database cannot be used without it: "
                    "put the backup back"
                ) from error
            raise WrongSecretFile(
                f"the secret file {self._keyring.path or ''} is not the one that this database was written with: "
                "put the backup of the right one back"
            ) from error

    # --- organisations -----------------------------------------------------------------------------------------

    async def create_organisation(
        self, name: str, region: str | None = None, language: str | None = None
    ) -> Organisation:
        """Make an organisation. Raises BadValue, also where the name is taken."""
        organisation, made = await self._put_organisation(name, region, language)
        if not made:
            raise BadValue(sentence("there is an organisation '%(name)s' already", name=organisation.name))
        return organisation

    async def ensure_organisation(
        self, name: str, region: str | None = None, language: str | None = None
    ) -> Organisation:
        """The organisation of this name; made where it is new, unchanged where it is not. Raises BadValue."""
        organisation, _ = await self._put_organisation(name, region, language)
        return organisation

    async def organisation_named(self, text: str) -> Organisation:
        """The organisation with this name or id. Raises NotFound."""
        wanted = text.strip()
        found = await self._database.read(lambda connection: key_sql.organisation_named(connection, wanted))
        if found is None:
            raise NotFound(sentence("there is no organisation '%(name)s'", name=wanted))
        return found

    async def list_organisations(self) -> list[Organisation]:
        """All organisations, by name."""
        return await self._database.read(key_sql.list_organisations)

    async def _put_organisation(self, name: str, region: str | None, language: str | None) -> tuple[Organisation, bool]:
        now = self._clock.now()
        country = valid_region(region or self._dialog.region)
        wanted = Organisation(
            id=new_id(now),
            name=_valid_name(name),
            region=country,
            language=valid_language(language or self._dialog.language_for(country)),
            created_at=now,
        )
        organisation = await self._change(key_sql.put_organisation, wanted)
        return organisation, organisation.id == wanted.id

    # --- keys --------------------------------------------------------------------------------------------------

    async def create_key(
        self,
        organisation: Organisation,
        kind: KeyKind = KeyKind.DIALOG,
        label: str = "",
        scopes: Iterable[str] | None = None,
        made_by: str = "",
    ) -> tuple[ApiKey, str]:
        """Make a key; returns it with its secret. Without `scopes` one of the kind REST sends and reads messages.

        `made_by` is the id of the person who sees the secret. Raises BadValue.
        """
        now = self._clock.now()
        key = ApiKey(
            id=new_id(now),
            org_id=organisation.id,
            kind=kind,
            label=label.strip(),
            created_at=now,
            scopes=_valid_scopes(kind, scopes),
        )
        secret, row = self._new_secret(key.id, kind, made_by)
        await self._change(key_sql.put_key, (key, row))
        return key, secret

    async def key_named(self, text: str) -> ApiKey:
        """The key that an administrator means by its secret, its id, or a label that only one key has.

        Raises NotFound, BadValue.
        """
        wanted = text.strip()
        found = await self.find_key(wanted, kind=None) if _SECRET.fullmatch(wanted) else await self.key(wanted.upper())
        if found is not None:
            return found
        labelled = [each.key for each in await self.list_keys() if wanted and each.key.label == wanted]
        if len(labelled) > 1:
            raise BadValue(sentence("several keys are labelled '%(label)s': name one by its id", label=wanted))
        if not labelled:
            raise NotFound(sentence("there is no such key: give its characters or its id"))
        return labelled[0]

    async def list_keys(self, org_id: str | None = None) -> list[KeyListing]:
        """Keys without their secrets, oldest first."""
        now = self._clock.now()
        return await self._database.read(lambda connection: key_sql.list_keys(connection, org_id, now))

    async def show_key(self, key: ApiKey) -> list[str]:
        """The key's live secrets, newest first. Raises WrongSecretFile."""
        now = self._clock.now()
        sealed = await self._database.read(lambda connection: key_sql.live_secrets(connection, key.id, now))
        try:
            return [self._keyring.open(each.sealed, key.id) for each in sealed]
        except KeyringError as error:
            raise WrongSecretFile(str(error)) from error

    async def pause_key(self, key: ApiKey) -> ApiKey:
        """Let every account under the key rest (D14). Pausing twice keeps the first time. Raises NotFound."""
        return _found(await self._change(key_sql.pause, (key.id, self._clock.now())))

    async def resume_key(self, key: ApiKey) -> ApiKey:
        """End the pause. Raises NotFound."""
        return _found(await self._change(key_sql.pause, (key.id, None)))

    async def label_key(self, key: ApiKey, label: str) -> ApiKey:
        """Give a key another label. Raises BadValue, NotFound."""
        return _found(await self._change(key_sql.edit, (key.id, {"label": valid_label(label)})))

    async def set_key_domains(self, key: ApiKey, domains: Sequence[str]) -> ApiKey:
        """Fix the mail domains whose senders may subscribe from outside; none: learn from the next one.

        Raises BadValue, NotFound.
        """
        names = " ".join(dict.fromkeys(_valid_domain(each) for each in domains))
        return _found(await self._change(key_sql.edit, (key.id, {"domains": names})))

    async def set_key_scopes(self, key: ApiKey, scopes: Iterable[str]) -> ApiKey:
        """Set what a program may do with a key of the kind REST; from the commit on. Raises BadValue, NotFound."""
        words = write_scopes(_valid_scopes(key.kind, scopes))
        return _found(await self._change(key_sql.edit, (key.id, {"scopes": words})))

    async def rotate_key(self, key: ApiKey, retire_after: float = 30.0, made_by: str = "") -> str:
        """Give the key a new secret and return it; the old one works for `retire_after` days more.

        `made_by` is the id of the person who sees it. Raises TooManySecrets while the last rotation's old secret still
        works, BadValue, NotFound.
        """
        if not 0 <= retire_after < float("inf"):
            raise BadValue(sentence("the days until the old key stops must be 0 or more"))
        secret, row = self._new_secret(key.id, key.kind, made_by)
        retires_at = row.created_at + retire_after * _DAY
        live = await self._change(key_sql.rotate, key_sql.Rotation(row, retires_at))
        if live == 0:
            raise NotFound(sentence("there is no such key"))
        if live > 1:
            raise TooManySecrets(sentence("this key already has two live secrets: retire the older one first"))
        return secret

    async def retire_key_secret(self, key: ApiKey) -> None:
        """Stop the older of two secrets now. Raises NotFound where there is only one."""
        if not await self._change(key_sql.retire, key.id):
            raise NotFound(sentence("this key has only one secret: rotate it first"))

    def _new_secret(self, key_id: str, kind: KeyKind, made_by: str) -> tuple[str, key_sql.SecretRow]:
        secret = (REST_PREFIX if kind is KeyKind.REST else "") + secrets.token_hex(16)
        sealed = self._keyring.seal(secret, key_id)
        return secret, key_sql.SecretRow(key_id, self._keyring.digest(secret), sealed, self._clock.now(), made_by)

    async def _change(self, work: Work[Item, Result], item: Item) -> Result:
        """Commit, and ask the database again from then on."""
        try:
            return await self._database.write(work, item)
        finally:
            self.forget()


_Found = TypeVar("_Found")


def _found(key: _Found | None) -> _Found:
    if key is None:
        raise NotFound(sentence("there is no such key"))
    return key


def _valid_name(name: str) -> str:
    text = " ".join(name.split())
    if not text or len(text) > 200 or not text.isprintable():
        raise BadValue(sentence("an organisation needs a name of 1 to 200 letters"))
    return text


def valid_label(label: str) -> str:
    """A key's label as it is kept, also an empty one. Raises BadValue."""
    text = " ".join(label.split())
    if len(text) > 100 or not text.isprintable():
        raise BadValue(sentence("a label has at most 100 letters"))
    return text


def valid_region(region: str) -> str:
    """An ISO 3166 region that has phone numbers, in capitals. Raises BadValue."""
    if region.upper() not in SUPPORTED_REGIONS:
        raise BadValue(sentence("'%(region)s' is not a region: write two letters, like DK", region=region))
    return region.upper()


def valid_language(language: str) -> str:
    """One of the languages that our mails are written in. Raises BadValue."""
    if language.lower() not in LANGUAGES:
        raise BadValue(
            sentence(
                "mails are not written in '%(language)s': choose one of %(languages)s",
                language=language,
                languages=", ".join(sorted(LANGUAGES)),
            )
        )
    return language.lower()


def _valid_scopes(kind: KeyKind, words: Iterable[str] | None) -> frozenset[Scope]:
    """What a key of this kind can hold."""
    if kind is not KeyKind.REST:
        if words:
            raise BadValue(sentence("only a key of the kind rest has scopes"))
        return frozenset()
    if words is None:
        return DEFAULT_KEY_SCOPES
    wanted = set(words)
    if unknown := wanted - set(KEY_SCOPES):
        raise BadValue(
            sentence(
                "no key can hold %(wrong)s: there are %(scopes)s",
                wrong=", ".join(sorted(unknown)),
                scopes=", ".join(KEY_SCOPES),
            )
        )
    if not wanted:
        raise BadValue(sentence("a key without scopes opens nothing: name at least one, or pause it"))
    return frozenset(map(Scope, wanted))


def _valid_domain(domain: str) -> str:
    name = ascii_domain(domain.strip().rpartition("@")[2])
    if name is None:
        raise BadValue(sentence("'%(domain)s' is not a mail domain: write it like example.com", domain=domain))
    return name
