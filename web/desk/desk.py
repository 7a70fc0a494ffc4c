"""Everything that people and programs can do, in one place that pages and API are given."""

from __future__ import annotations

from dataclasses import dataclass

from web.desk.accounts import AccountDesk
from web.desk.attention import AttentionDesk
from web.desk.audit import AuditDesk
from web.desk.bulk import BulkDesk
from web.desk.campaign_estimates import EstimateDesk
from web.desk.campaign_live import LiveDesk
from web.desk.campaign_recipients import RecipientDesk
from web.desk.campaigns import CampaignDesk
from web.desk.contact_fields import FieldDesk
from web.desk.contact_history import ContactHistory
from web.desk.contacts import ContactDesk
from web.desk.door import Door
from web.desk.email_optouts import EmailOptOutDesk
from web.desk.figures import FigureDesk
from web.desk.groups import GroupDesk
from web.desk.imports import ImportDesk
from web.desk.keys import KeyDesk
from web.desk.me import MyDesk
from web.desk.messages import MessageDesk
from web.desk.numbers import NumberDesk
from web.desk.optouts import OptOutDesk
from web.desk.organisations import OrganisationDesk
from web.desk.own import OwnDesk
from web.desk.people import PeopleDesk
from web.desk.privacy import PrivacyDesk
from web.desk.providers import ProviderDesk
from web.desk.routes import RouteDesk
from web.desk.sending import SendingDesk
from web.desk.spend import SpendDesk
from web.desk.webhooks import WebhookDesk


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk for each subject."""

    accounts: AccountDesk
    bulk: BulkDesk
    imports: ImportDesk
    groups: GroupDesk
    keys: KeyDesk
    numbers: NumberDesk
    messages: MessageDesk
    attention: AttentionDesk
    sending: SendingDesk
    campaigns: CampaignDesk
    estimates: EstimateDesk
    recipients: RecipientDesk
    live: LiveDesk
    optouts: OptOutDesk
    email_optouts: EmailOptOutDesk
    spend: SpendDesk
    figures: FigureDesk
    organisations: OrganisationDesk
    own: OwnDesk
    privacy: PrivacyDesk
    providers: ProviderDesk
    routes: RouteDesk
    webhooks: WebhookDesk
    contacts: ContactDesk
    contact_fields: FieldDesk
    contact_history: ContactHistory
    people: PeopleDesk
    me: MyDesk
    audit: AuditDesk
    door: Door
