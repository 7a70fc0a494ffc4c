"""The lines that a phone or a mail app adds by itself under a mail ("Sent from my iPhone"), in each language.

In: one line, or two or three joined by a space. Out: whether a machine wrote it. Promise: only texts that clients
ship as their default match, and only as a whole line: a person's own signature, or a default that the person has
added to, does not.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_DEVICE: Final[str] = (
    r"(?:(?:apple |samsung |google |microsoft |sony |htc |huawei |oneplus |xiaomi |nokia |motorola )?"
    r"(?:iphone|ipad|ipod(?: touch)?|apple watch|watch|mac|macbook(?: pro| air)?|imac|ios|android|galaxy|xperia|pixel|"
    r"huawei|xiaomi|redmi|oneplus|oppo|honor|fairphone|htc|nokia|lumia|blackberry|samsung|windows phone|surface|"
    r"mobiltelefon|mobil|smartphone|smarttelefon|mobile|mobile device|mobile phone|cell phone|phone|handy|mobilgerät|"
    r"tablet|nettbrett|surfplatta|telefon|smartphone|portable|téléphone|teléfono|мобильного|mobilen|телефон\w*|смартфон\w*|планшет\w*|puhelin\w*|móvil|celular|"
    r"cellulare|telefonu|mobiel|telefoon|gerät|enhed|enhet|device|appareil|устройств\w*)"
    r"(?:['’]?[au](?!\w))?"
    r"(?:[- ](?:samsung|apple|huawei|sony|nokia|orange|nettbrett|galaxy|"
    r"smartphone|mobil|mobile|mobiltelefon|phone|tablet|note|tab|"
    r"ultra|pro|max|plus|mini|lite|edge|fold|flip|lte|device|enhed|enhet|gerät|telefon|phone|air|se|xperia|\(?\w{0,4}\d\w{0,6}\)?)){0,5})"
)
_APP: Final[str] = (
    r"(?:outlook(?: mobile)?(?: lite)?|yahoo[! ]*mail|aol(?: mail)?|proton ?mail(?: mobile)?|bluemail|nine|"
    r"mail app|windows[- ]mail|gmail(?: mobile)?|k-9 mail|k-9|spark|airmail|mailbird|mail\.ru|gmx(?:[ -]mail)?|"
    r"web\.de(?:[ -]mail)?|typeapp|mymail|my ?mail|edison(?: mail)?|email\.cz|seznam\.cz|tutanota|tuta|fairemail|"
    r"canary|newton mail|superhuman(?: ios| android)?|zoho mail|aqua ?mail|mailspring|thunderbird|"
    r"yandex\.?mail|libero ?mail|orange mail|"
    r"mail orange|sfr mail|app mail|telia mail|onecom mail|hey|mozilla thunderbird|"
    r"samsung(?: mobile| email| mail)?|copilot|em client|tapatalk)"
)
_PLATFORM: Final[str] = r"(?:ios|android|iphone|ipad|mac(?: ?os)?|windows(?: ?1[01]| phone)?|desktop|web)"
_TARGET: Final[re.Pattern[str]] = re.compile(r"\s?[<(\[]?\s?(?:https?://|www\.)[^\s<>()\[\]]{1,400}(?:\s?[>)\]])?")
"""A link's target, wherever the text version of a footer puts it."""

_SENT: Final[tuple[str, ...]] = (
    # Danish, Norwegian, Swedish
    (
        r"(?:sendt|skickat|skickad|skickades|sänt) (?:ved hjælp af|"
        r"fra|från|frå|med|via|fra min|fra mit|från min|från mitt|med min) {thing}"
    ),
    # English
    r"sent (?:from|with|via|using|by)(?: my| the)? {thing}",
    # German
    r"(?:gesendet|verschickt|versendet|geschickt) (?:von|mit|über|aus)(?: meinem| meiner| der)? {thing}",
    r"(?:von|mit)(?: meinem| meiner)? {thing} (?:gesendet|verschickt|geschickt|gesandt)",
    (
        r"diese (?:nachricht|mail|e-mail) wurde (?:von|mit) (?:meinem|meiner)? ?{thing}(?: mit {thing})? "
        r"(?:gesendet|verschickt)"
    ),
    # French
    (
        r"(?:envoyé|expédié|transmis)e? "
        r"(?:de|depuis|à partir de|à partir d['’]|avec|via|par|d['’])(?: mon| ma| l['’])? ?{thing}"
    ),
    # Russian
    r"отправлено (?:с|со|из|через|при помощи|с помощью)(?: моего| моей| мобильного| мобильной)? {thing}",
    # Dutch, Spanish, Italian, Polish, Finnish, Portuguese, Czech
    r"(?:verzonden|verstuurd) (?:vanaf|vanuit|van|met|via)(?: mijn)? {thing}",
    r"enviado (?:desde|con|a partir|do|via|de)(?: mi| meu| el)? {thing}",
    r"inviato (?:da|dal|con|tramite)(?: il| mio| l['’])* ?{thing}",
    r"wysłan[oe] (?:z|ze|przy użyciu|za pomocą|przez)(?: mojego| mojej| urządzenia| telefonu)* {thing}",
    r"lähetetty (?:laitteesta|minun)? ?{thing}(?:sta|stä|ltä|lta|ista|:sta|lla|llä)?",
    r"odesláno (?:z|ze) (?:mého |mojeho |mé )?{thing}(?:u|e)?",
    r"{thing}(?:ista|sta|stä|:sta|ini|ım|dan|den) (?:lähetetty|gönderildi)",
    r"iphone['’]?umdan gönderildi|iphone['’]?dan gönderildi",
)
_THING: Final[str] = (
    rf"(?:(?:{_APP})(?: (?:{_PLATFORM}|mobile?))?(?:[ -]app)?|{_DEVICE})"
    r"(?: (?:using|for|til|till|för|für|pour|на|для|voor|para|per|dla|on|på|auf|sur|med|mit|with|von)"
    rf"(?: my| min| meinem| mon| der)? (?:{_PLATFORM}|(?:{_APP})(?:[ -]app)?|{_DEVICE})){{0,2}}"
)
_GET: Final[tuple[str, ...]] = (
    (
        r"(?:get|hent|få|hämta|skaffa?|"
        r"descargar|hae|завантажити|holen sie sich|laden sie|télécharge[zr]|obtenez|obtenir|скачать|скачайте|"
        r"получить|установить|download|obtener|obtén|ottieni|scarica|pobierz|hanki|lataa|baixe|obter|získat|stáhnout)"
        rf" (?:{_APP})(?: herunter)? (?:for|til|till|för|für|pour|для|voor|para|per|dla|su|na|pro)(?: the| systemu)? "
        rf"{_PLATFORM}(?:ille|lle)?(?: herunter)?"
    ),
    rf"(?:hanki|lataa|hae) (?:{_APP}) (?:{_PLATFORM})(?:lle|ille|:lle)?",
)
_FIXED: Final[tuple[str, ...]] = (
    r"outlook für (?:ios|android) (?:herunterladen|beziehen)",
    r"(?:skaff deg|загрузить) outlook (?:for|для) (?:ios|android)",
    r"sent from my android (?:device|phone) with k-9 mail\. please excuse my brevity",
    (
        r"sendt fra min android[- ]?(?:enhed|enhet|telefon)? med k-9 mail\. (?:beklager min korthed|undskyld "
        r"min kortfattethed|unnskyld min kortfattethet|beklager kortfattetheden)"
    ),
    r"skickat från min android-enhet med k-9 mail\. ursäkta min fåordighet",
    (
        r"diese nachricht wurde von meinem android-(?:gerät|mobiltelefon) mit (?:k-9 mail|web\.de mail|gmx "
        r"mail) gesendet"
    ),
    (
        r"envoyé de mon appareil android avec k-9 mail\. veuillez excuser ma brièveté|envoyé de mon appareil "
        r"android avec courriel k-9 mail\. veuillez excuser ma brièveté"
    ),
    (
        r"(?:простите за краткость, создано в k-9 mail|отправлено с моего android-? ?устройства с помощью k-9 "
        r"mail\.(?: извините за краткость)?)"
    ),
    (
        r"gesendet mit der (?:gmx|web\.de|telekom mail|1&1|freenet)[- ]?(?:mail)?[- ]?app(?: für (?:ios|"
        r"android))?"
    ),
    r"(?:diese nachricht wurde )?gesendet mit der (?:gmx|web\.de) mail app",
    (
        r"отправлено из (?:мобильной |приложения )?(?:яндекс[ .]?почты|почты mail\.ru|mail\.ru|mymail|почты "
        r"mail|outlook|почты)(?: (?:для|на) (?:ios|android|iphone|windows(?: 1[01])?))?"
    ),
    (
        r"отправлено (?:из|с помощью) (?:мобильн\w{2,3} )?(?:приложения )?(?:mail(?:\.ru)?|почта mail|яндекс[ .]?почты|"
        r"почты)(?: mail(?:\.ru)?| для [\w ]{2,20})?"
    ),
    r"sent from my blackberry(?: - the most secure mobile device)?",
    (
        r"отправлено с (?:iphone|ipad|мобильного устройства|мобильного телефона|телефона|смартфона|планшета|"
        r"android)(?: \w+){0,3}"
    ),
    r"sent from (?:the )?(?:all new aol app|aol mobile mail|aol desktop)(?: for (?:ios|android))?",
    (
        r"sent with (?:proton ?mail|protonmail)(?: secure e?-?mail)?|secured by protonmail|sendt med proton "
        r"?mail(?: (?:sikker )?e-?mail)?"
    ),
    (
        r"(?:sendt|sent|skickat|gesendet|envoyée?|отправлено|verzonden|enviado|inviato|wysłano|lähetetty) "
        r"(?:med|with|mit|avec|с помощью|via|met|con|za pomocą) .{0,40}proton ?mail(?: .{0,40})?"
    ),
    r"get (?:bluemail|typeapp) for (?:android|ios|mobile|desktop)",
    r"yahoo mail: (?:søg, organiser, overtag|search, organize, conquer|simplifiez-vous la vie|.{3,60})",
    r"mail orange pour (?:android|ios)|envoyé depuis (?:l['’]application )?mail orange",
    (
        r"sendt fra windows-mail|sendt fra mail til windows(?: 1[01])?|sent from mail for windows(?: 1[01])?|"
        r"gesendet von mail für windows(?: 1[01])?|provenance : courrier pour windows(?: 1[01])?|skickat från "
        r"e-post för windows(?: 1[01])?|sendt fra e-post for windows(?: 1[01])?|отправлено из (?:приложения "
        r")?[«]?почт[аы][»]? (?:для )?windows(?: 1[01])?"
    ),
    r"von outlook für (?:ios|android) gesendet|gesendet über outlook für (?:ios|android)",
    r"sent via the samsung galaxy[\w +-]{0,30}, an [\w&-]{2,20} (?:[345]g )?(?:lte )?smartphone",
    r"sent from my (?:verizon|t-mobile|at&t|sprint)(?: wireless)?,? [\w -]{0,40}(?:smartphone|device|phone)",
    r"\S.{1,60} (?:reacted|reagerede|har reageret|reagerte|reagerade|hat|a réagi) (?:via|über|med) gmail(?: reagiert)?",
    r"sent from my mobile\. please excuse (?:any )?typos",
    r"(?:sendt|skickat) fra?å?n? min samsung (?:mobil|mobile|smartphone|galaxy[\w -]*)(?: fra \w+)?",
    r"-+ ?sendt fra min (?:samsung|htc|nokia|sony ericsson)[\w -]* ?-*",
    r"envoyé depuis un (?:mobile|smartphone|téléphone) (?:samsung|android|htc)",
)


@cache
def _footer() -> re.Pattern[str]:
    """All of them as one pattern. To compile it takes a tenth of a second, which a start need not wait for."""
    sent = [pattern.replace("{thing}", f"(?:{_THING})") for pattern in _SENT]
    return re.compile(rf"(?:{'|'.join((*_FIXED, *_GET, *sent))})[.!]?", re.IGNORECASE)


_FOOTER_MAX: Final[int] = 160


_AKA: Final[re.Pattern[str]] = re.compile(
    r"[^<>(]{0,30}outlook[^<>(]{1,14}(?:ios|android)[^<>(]{0,24}[<(]https://aka\.ms/\w{1,20}[>)]", re.IGNORECASE
)
"""Outlook's own short link says enough, in any language."""


_ORNAMENTS: Final[dict[int, None]] = dict.fromkeys(map(ord, '™®"«»“”„'))


def is_device_footer(line: str) -> bool:
    """Whether `line` is, as a whole, a default footer of a device or a mail app."""
    text = line[:600]
    if "http" in text or "www." in text:
        text = _TARGET.sub("", text)
    if not text.isascii() or '"' in text:
        text = text.translate(_ORNAMENTS)
    text = " ".join(text.split()).strip("*_ ")
    return 8 <= len(text) <= _FOOTER_MAX and (
        _footer().fullmatch(text) is not None or _AKA.fullmatch(line.strip()[:300]) is not None
    )
