"""The transport's settings: every key, its default, its unit, and what would be right.

Validated once at start. `conf/brevdue.toml` shows each with its comment. Reading files and environment is done in
`brevdue.settings`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gateway import settings_forms as forms

Port = Annotated[int, Field(ge=1, le=65535)]
OptionalPort = Annotated[Port | None, BeforeValidator(forms.off)]
"""A listener's port; "off" where there shall be none."""
Network = IPv4Network | IPv6Network
Domain = Annotated[str, AfterValidator(forms.domain)]
Hostname = Annotated[str, AfterValidator(forms.hostname)]
Country = Annotated[str, AfterValidator(forms.country)]
"""ISO 3166; "001" for phones of no country."""
ListenHost = Annotated[str, AfterValidator(forms.listen_host)]


class Section(BaseModel):
    """A table of the configuration: frozen, and a misspelt key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MailSettings(Section):
    """`[mail]`: who we are in the world of mail."""

    domains: Annotated[tuple[Domain, ...], AfterValidator(forms.at_least_one)] = ("sms.example.com",)
    hostname: Hostname = "localhost"
    operator: Annotated[str, AfterValidator(forms.mail_address)] = "postmaster@localhost"


class SmtpSettings(Section):
    """`[smtp]`: the relay and MX listener, and the limits that all listeners share."""

    host: ListenHost = "127.0.0.1"
    port: OptionalPort = 2525
    max_size: int = Field(10_000_000, ge=10_000, description="bytes")
    max_connections: int = Field(10_000, ge=1)
    max_connections_per_client: int = Field(200, ge=1)
    mails_per_minute: int = Field(600, ge=0, description="from one client, 0 for any number; our relays are free")
    max_recipients: int = Field(200, ge=1, description="RCPT per transaction")
    command_timeout: float = Field(300, gt=0, description="seconds of silence")
    session_timeout: float = Field(1800, gt=0, description="seconds per connection in all")
    min_data_rate: int = Field(100, ge=0, description="bytes per second in each minute of DATA, per 60 kB held")
    proxy_networks: tuple[Network, ...] = ()


class SubmissionSettings(Section):
    """`[submission]`: AUTH after STARTTLS on `port`, implicit TLS on `tls_port`. Off while both are unset."""

    host: ListenHost = "127.0.0.1"
    port: OptionalPort = None
    tls_port: OptionalPort = None


class LmtpSettings(Section):
    """`[lmtp]`: one reply per recipient. Off while neither `port` nor `socket` is set."""

    host: ListenHost = "127.0.0.1"
    port: OptionalPort = None
    socket: Path | None = None


class TlsSettings(Section):
    """`[tls]`: one certificate for SMTP, submission and HTTP; reloaded when the files change."""

    certificate: Path | None = None
    key: Path | None = None


class HttpSettings(Section):
    """`[http]`: pages, provider webhooks, the simulator, readiness."""

    host: ListenHost = "127.0.0.1"
    port: Port = 8025
    public_url: Annotated[str, AfterValidator(forms.public_url)] = "http://127.0.0.1:8025"
    proxy_networks: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    """Whose X-Forwarded-For is believed: it says where a provider's call came from."""
    api_calls_per_minute: int = Field(600, ge=0, description="with one key, in one process; 0 for any number")


class OpenIdSettings(Section):
    """`[web.oidc]`: sign-in by an OpenID Connect provider; off while `issuer` is empty."""

    issuer: Annotated[str, AfterValidator(forms.issuer)] = ""
    client_id: str = ""
    client_secret: str = Field("", repr=False)
    label: str = "Single sign-on"
    allowed_domains: tuple[Domain, ...] = ()
    """Mail domains that the provider speaks for; empty: whatever address it has proven."""
    create_role: Literal["nobody", "reader", "sender", "administrator"] = "nobody"
    """What somebody becomes who is not there yet; "nobody": only who was invited gets in."""
    organisation: str = ""
    """Where new people belong, by its name."""


class WebSettings(Section):
    """`[web]`: the pages that people sign in to."""

    require_second_factor: Literal["nobody", "operators", "everybody"] = "nobody"
    """Who has to set up a second factor before anything else."""
    oidc: OpenIdSettings = OpenIdSettings()


class StoreSettings(Section):
    """`[store]`: where the truth is kept."""

    url: Annotated[str, AfterValidator(forms.store_url)] = "sqlite:///brevdue.db"
    secret_file: Path = Path("brevdue.secret")
    """32 random bytes, made at first start, mode 0600: seals keys. Lost with it: showing keys again."""


class DkimSettings(Section):
    """`[mail_out.dkim]`: signing keys, PEM. Either, both or none."""

    domain: Domain | None = None
    rsa_selector: Hostname = "brevdue"
    rsa_key: Path | None = None
    ed25519_selector: Hostname = "brevdue-ed"
    ed25519_key: Path | None = None


class MailOutSettings(Section):
    """`[mail_out]`: how mail leaves: a smarthost "host:port", "mx", or "maildir:PATH"."""

    relay: Annotated[str, AfterValidator(forms.relay)] = "maildir:brevdue-mail"
    tls: Literal["none", "opportunistic", "required", "implicit"] = "opportunistic"
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    """Certificates, PEM, that a smarthost's is checked against; None means the system's."""
    concurrency: int = Field(20, ge=1)
    timeout: float = Field(60, gt=0, description="seconds per SMTP command")
    give_up_after: float = Field(5 * 86400, gt=0, description="seconds")
    dkim: DkimSettings = DkimSettings()


class TrustSettings(Section):
    """`[trust]`: whose word on the From address counts."""

    networks: tuple[Network, ...] = ()
    require: Literal["proven", "trusted", "none"] = "proven"
    arc_sealers: tuple[Domain, ...] = ()


class DnsSettings(Section):
    """`[dns]`: "address" or "address:port" of resolvers; empty means the system's."""

    servers: tuple[Annotated[str, AfterValidator(forms.dns_server)], ...] = ()
    timeout: float = Field(5, gt=0, description="seconds")


_SPOKEN = {
    "DK": "da", "GL": "da", "FO": "da", "NO": "no", "SE": "sv", "DE": "de", "AT": "de", "CH": "de", "LI": "de",
    "FR": "fr", "BE": "fr", "LU": "fr", "MC": "fr", "RU": "ru", "BY": "ru",
}  # fmt: skip


class DialogSettings(Section):
    """`[dialog]`: how mail and SMS become each other."""

    region: Annotated[str, AfterValidator(forms.region)] = "DK"
    language: Literal["", "da", "no", "sv", "en", "de", "fr", "ru"] = ""
    timezone: Annotated[str, AfterValidator(forms.timezone)] = ""
    """The clock of people whose region has several, by its IANA name; empty for UTC."""
    tag: Annotated[str, AfterValidator(forms.subject_tag)] = "SMS"
    max_parts: int = Field(8, ge=1, le=255)
    max_recipients: int = Field(50, ge=1)
    mails_per_minute: int = Field(600, ge=0, description="from one account, 0 for any number")
    smart: bool = True
    """Write typographic quotes, dashes and such as GSM-7 where that saves parts."""
    receipts: Literal["never", "failures", "always"] = "failures"
    """What senders are told of their SMS by mail; "always" adds one mail when all SMS of a mail have ended."""
    attachments: Literal["tell", "silent"] = "tell"
    """Whether a sender reads that an attachment stayed behind."""
    quarantine_days: float = Field(90, ge=0)
    unknown_number_reply: Annotated[str, AfterValidator(forms.sms_answer)] = ""
    """What a phone is answered, once a day, that writes to a number of ours which nobody has; empty for nothing."""

    def language_for(self, region: str) -> str:
        """The language of mails to people in a region (ISO 3166), where no other was chosen for them."""
        return self.language or _SPOKEN.get(region, "en")


class LimitSettings(Section):
    """`[limits]`: what may be spent. Caps hold for a day (UTC); 0 means none. Costs are minor units of one currency."""

    countries: Annotated[tuple[str, ...], AfterValidator(forms.countries)] = ("near",)
    """Beyond the organisation's own: ISO 3166 codes, "near" for those that share its roaming area, "001" for satellite
    and service numbers; or "any" alone."""
    account_parts: int = Field(100_000, ge=0)
    key_parts: int = Field(300_000, ge=0)
    organisation_parts: int = Field(1_000_000, ge=0)
    account_cost: int = Field(0, ge=0)
    key_cost: int = Field(0, ge=0)
    organisation_cost: int = Field(0, ge=0)
    part_cost: Annotated[dict[str, Annotated[int, Field(ge=0)]], AfterValidator(forms.priced)] = {}
    """What one SMS part costs, by country of the phone; "other" for all that are not named."""
    adjacent_numbers: int = Field(10, ge=0)
    """Phones with adjacent numbers that one account may write to within a day before the operator is told; 0: never."""


class CampaignSettings(Section):
    """`[campaigns]`: when they may write to people, which of them a second person approves, how links are written."""

    approval_above: int = Field(0, ge=0, description="recipients, 0 for never")
    quiet_hours: Annotated[str, AfterValidator(forms.hours)] = "21:00-08:00"
    """By the clock of the contact; "" for none."""
    holidays: bool = True
    """Whether they rest on the holidays of the contact's country."""
    by_mail: bool = True
    short_url: Annotated[str, AfterValidator(forms.short_url)] = ""
    """What short links begin with; empty: `[http] public_url` and /l/."""


class ProviderSettings(BaseModel):
    """`[[provider]]`: a name, a kind, and whatever the kind's adapter takes."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    name: Annotated[str, AfterValidator(forms.provider_name)]
    kind: str
    parts_per_second: float = Field(0, ge=0, le=100_000, description="0 for as fast as its window allows")
    parts_per_second_per_number: float = Field(0, ge=0, le=100_000, description="from one sender, 0 for any number")
    senders: Literal["own", "any"] = "own"
    """Which numbers it takes as sender: those of its own pools, or every one."""

    @property
    def options(self) -> dict[str, Any]:
        """The adapter's own keys."""
        return dict(self.model_extra or {})


class PoolSettings(Section):
    """`[[pool]]`: numbers that a provider routes to us: a range "+45609946000000..+45609946999999" or single ones."""

    provider: str
    range: str | None = None
    numbers: tuple[str, ...] = ()
    shared: bool = False
    """Whether several accounts of one organisation may have the same of these numbers, once no other is free."""


class WaySettings(Section):
    """One of the ways of a `[[route]]`; the provider's name alone says all that it must."""

    provider: str
    weight: int = Field(1, ge=1, le=1000)
    sender: Annotated[str, AfterValidator(forms.sender)] = ""
    registered: tuple[Country, ...] = ()
    """Countries in which `sender` is registered."""


Ways = tuple[Annotated[WaySettings, BeforeValidator(forms.way)], ...]


class RouteSettings(Section):
    """`[[route]]`: which messages leave by which providers. The first that fits counts; what is empty fits all."""

    name: Annotated[str, AfterValidator(forms.route_name)]
    countries: tuple[Country, ...] = ()
    prefixes: tuple[Annotated[str, AfterValidator(forms.prefix)], ...] = ()
    organisations: tuple[Annotated[str, AfterValidator(forms.organisation)], ...] = ()
    kinds: tuple[Literal["dialog", "campaign"], ...] = ()
    via: Annotated[Ways, AfterValidator(forms.at_least_one_way)]
    fallback: Ways = ()
    cheapest: bool = False
    at_most: float = Field(0, ge=0, description="for one part, in [routing] currency; 0 for any price")


class PriceSettings(Section):
    """`[[price]]`: what one part costs at a provider, by prefix, country or "other"."""

    provider: str
    part: Annotated[dict[str, float], AfterValidator(forms.price_list)]


class RoutingSettings(Section):
    """`[routing]`: what all routes share."""

    currency: Annotated[str, AfterValidator(forms.currency)] = "EUR"
    """ISO 4217: the one in which prices are compared."""


class RetentionSettings(Section):
    """`[retention]`: for how many days what is kept, of organisations that say nothing else; 0 for ever."""

    texts_days: Annotated[int, AfterValidator(forms.texts_days)] = 0
    metadata_days: Annotated[int, AfterValidator(forms.metadata_days)] = 0
    """Of the rows around the texts; texts go with them at the latest."""


class WebhookSettings(Section):
    """`[webhooks]`: calls that leave to URLs of organisations."""

    open_networks: tuple[Network, ...] = ()
    """Networks that may be called although they are not public: one's own, or this machine's in tests."""
    plain_http: bool = False
    """Whether URLs may begin with http:// as well."""
    ca_file: Path | None = None
    """Certificates, PEM, that receivers' are checked against; None means the system's."""
    keep_days: float = Field(7, ge=4, le=90, description="for which calls are kept, with the texts in them")


class LogSettings(Section):
    """`[log]`: JSON lines for machines, console for people."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class GatewaySettings(BaseModel):
    """The whole transport."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    mail: MailSettings = MailSettings()
    smtp: SmtpSettings = SmtpSettings()
    submission: SubmissionSettings = SubmissionSettings()
    lmtp: LmtpSettings = LmtpSettings()
    tls: TlsSettings = TlsSettings()
    http: HttpSettings = HttpSettings()
    web: WebSettings = WebSettings()
    store: StoreSettings = StoreSettings()
    mail_out: MailOutSettings = MailOutSettings()
    trust: TrustSettings = TrustSettings()
    dns: DnsSettings = DnsSettings()
    dialog: DialogSettings = DialogSettings()
    limits: LimitSettings = LimitSettings()
    provider: tuple[ProviderSettings, ...] = (ProviderSettings(name="simulator", kind="simulator"),)
    pool: tuple[PoolSettings, ...] = (PoolSettings(provider="simulator", range="+45609946000000..+45609946999999"),)
    routing: RoutingSettings = RoutingSettings()
    route: tuple[RouteSettings, ...] = ()
    price: tuple[PriceSettings, ...] = ()
    retention: RetentionSettings = RetentionSettings()
    campaigns: CampaignSettings = CampaignSettings()
    webhooks: WebhookSettings = WebhookSettings()
    log: LogSettings = LogSettings()
