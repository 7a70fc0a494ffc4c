"""How mail clients say "here begins what somebody else wrote", in each language: data, and the sets made of it.

In: nothing. Out: look-up tables for `gateway.quoting.lines`. Promise: no rules live here; a client or a language that
is missing is added as a word in a table. All words are casefolded; NFC.
"""

from __future__ import annotations

from typing import Final

_HEADER_WORDS: Final[dict[str, str]] = {
    "from": (
        "from|fra|från|frå|von|de|от|от кого|отправитель|van|da|od|lähettäjä|remitente|mittente|afsender|avsändare|"
        "avsender|absender|expéditeur|feladó|gönderen|kimden|від|από|de la|saatja|nuo|no|差出人|发件人|"
        "寄件者|보낸 사람|"
        "보낸사람|מאת|من|pošiljatelj|od koho|sender"
    ),
    "date": (
        "sent|date|sendt|sendt den|dato|skickat|skickad|datum|gesendet|gesendet am|envoyé|envoyé le|date d'envoi|"
        "date d’envoi|отправлено|дата|дата отправки|verzonden|enviado|enviado el|enviada em|enviada|fecha|inviato|data|"
        "data invio|wysłano|lähetetty|päivämäärä|päiväys|pvm|elküldve|dátum|gönderildi|gönderme tarihi|tarih|надіслано|"
        "wysłane|"
        "odesláno|odoslané|στάλθηκε|ημερομηνία|送信日時|日時|发送时间|日期|時間|寄件日期|보낸 날짜|נשלח|תאריך|التاريخ|"
        "sent on|sent at|trimis|saadetud|kuupäev|poslano|modtaget|received|empfangen|reçu|tid"
    ),
    "to": (
        "to|til|till|an|à|a|кому|получатель|aan|para|do|per|vastaanottaja|destinatario|destinataire|címzett|kime|alıcı|"
        "komu|pro|προς|către|宛先|收件人|받는 사람|אל|إلى|modtager|mottagare|mottaker|empfänger|kam|saaja|za"
    ),
    "cc": "cc|kopi|kopia|kopi til|copie|copie à|копия|kopie|bcc|dw|kopio|cci|cc.|másolat|bilgi|抄送|副本|копія|kop|udw",
    "subject": (
        "subject|emne|ämne|ärende|betreff|objet|тема|onderwerp|asunto|oggetto|temat|aihe|assunto|tárgy|konu|předmět|predmet|"
        "θέμα|件名|主题|主旨|제목|נושא|الموضوع|subiect|teema|tēma|tema|sujet|re|vedr|vedrørende"
    ),
    "other": (
        "importance|priority|attachments|attachment|reply-to|reply to|svar til|besvar til|prioritet|"
        "vigtighed|vedhæftede "
        "filer|vedhæftet|vedlegg|viktighet|bifogade filer|wichtigkeit|priorität|anlagen|anlage|antwort an|"
        "répondre à|pièces jointes|pièce jointe|важность|вложения|bijlagen|adjuntos|allegati|załączniki|liitteet|"
        "organisation|organization|message-id|categories|follow up flag|flag status|sensitivity|signed by|mailed-by"
    ),
}

HEADER_KIND: Final[dict[str, str]] = {
    word: kind for kind, words in _HEADER_WORDS.items() for word in words.split("|") if word
}
"""Header label without its colon → from, date, to, cc, subject or other."""

_VERBS_TEXT: Final[str] = (
    "citat af|sitat fra|citerar|quoting|zitat von|citation de|citeren van|citando|citazione di|цитирую|"
    "skrev følgende|skrev følgjande|skrev följande|har skrevet|har skrivit|skrev|skriver|skreiv|wrote|"
    "writes|has written|schrieb|schreibt|hat geschrieben|geschrieben|a écrit|ont écrit|écrit|écrivait|"
    "a ecrit|ecrit|написал|написала|написал(а)|написал(-а)|написал/а|написал (а)|пишет|писал|писала|"
    "писал(а)|писал (а)|написали|schreef|het volgende geschreven|schrijft|escribió|escribio|escribe|"
    "ha escrito|ha scritto|scritto|scrive|napisał|napisał(a)|napisała|pisze|kirjoitti|escreveu|napsal|"
    "napsal(a)|napsala|napísal|napísal(a)|şunu yazdı|yazdı|ezt írta|írta|a scris|έγραψε|kirjutas|rašė|"
    "rakstīja|написав|написав(ла)|написав(-ла)|пише|написа|napisao|napisala|je napisao/la|napisao/la|"
    "đã viết|menulis|เขียนว่า|写道|寫道|さんは書きました|님이 작성|כתב/ה|כתב|כתבה|כתב(ה)|كتب|كتبت|كتب/كتبت"
)
VERBS: Final[tuple[str, ...]] = tuple(
    sorted(
        _VERBS_TEXT.split("|"),
        key=len,
        reverse=True,
    )
)
"""What stands between a name and its words; longest first."""

_PRONOUNS_TEXT: Final[str] = (
    "jeg du han hun vi de man jag hon ni ich er sie wir ihr he she you we they i je tu il elle on nous "
    "vous ils elles я ты он она мы вы они ik jij je hij zij wij yo él ella io lui lei ja ty ona minä hän "
    "eg ho me"
)
PRONOUNS: Final[frozenset[str]] = frozenset(_PRONOUNS_TEXT.split())
"""A sentence about writing ("Den 3. maj skrev jeg ...") has one of these where an attribution has a name."""

_NAME_PARTICLES_TEXT: Final[str] = (
    "odesílatel "
    "von van de der den af la le du di da dos del zu zur ten ter via och og and und et на hat heeft har ha a ezt"
)
NAME_PARTICLES: Final[frozenset[str]] = frozenset(_NAME_PARTICLES_TEXT.split())
"""Lower-case words that stand inside names, or between a name and its verb ("hat ... geschrieben")."""

_DAYS_AND_MONTHS: Final[str] = (
    "mandag tirsdag onsdag torsdag fredag lørdag søndag måndag tisdag lördag söndag monday tuesday "
    "wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag "
    "sonnabend sonntag lundi mardi mercredi jeudi vendredi samedi dimanche понедельник вторник среда "
    "среду четверг пятница пятницу суббота субботу воскресенье maandag dinsdag woensdag donderdag "
    "vrijdag zaterdag zondag lunes martes miércoles jueves viernes sábado domingo lunedì martedì "
    "mercoledì giovedì venerdì sabato domenica poniedziałek wtorek środa środę czwartek piątek sobota "
    "sobotę niedziela niedzielę maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai "
    "maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina sunnuntaina måndagen tisdagen "
    "onsdagen torsdagen fredagen lördagen söndagen segunda terça quarta quinta sexta feira januar "
    "februar marts april maj juni juli august september oktober november december mars mai desember "
    "januari februari augusti january february march may june july october jänner märz dezember janvier "
    "février avril juin juillet août septembre octobre novembre décembre января февраля марта апреля мая "
    "июня июля августа сентября октября ноября декабря январь февраль март апрель май июнь июль август "
    "сентябрь октябрь ноябрь декабрь maart mei augustus enero febrero marzo abril mayo junio julio "
    "agosto septiembre octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio "
    "settembre ottobre dicembre stycznia lutego marca kwietnia maja czerwca lipca sierpnia września "
    "października listopada grudnia tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta "
    "heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta janeiro fevereiro março maio junho "
    "julho setembro outubro novembro dezembro sty lut kwi cze lip sie wrz paź lis gru"
)
_SHORT_DAYS: Final[str] = (
    "po ma ti on to fr lø sø må lö sö mo tu we th sa su di mi do so пн вт ср чт пт сб вс ven sam dim lun "
    "mar mer jeu wo vr za zo pon wt śr czw pt sob niedz ndz ke pe la qua qui sex seg ter sáb dom"
)
DATE_WORDS: Final[frozenset[str]] = frozenset(
    {word[:length] for word in _DAYS_AND_MONTHS.split() for length in range(3, len(word) + 1)}
    | set(_SHORT_DAYS.split())
)
"""Names of days and months, and their abbreviations of three letters and more."""

_DATE_CONNECTORS_TEXT: Final[str] = (
    "on den d le am um at kl klo à a às las el il op om w dniu o dne v em г год года в в от dated the of "
    "af av kello de del alle ore och uhr h st nd rd th er am pm a p m gmt utc cet cest msk bst est edt "
    "pst pdt cst cdt z mez mesz normaltid sommertid время europe dt dato date dnia v vom klokka klockan ca "
    "giorno il día dia le datum"
)
DATE_CONNECTORS: Final[frozenset[str]] = frozenset(_DATE_CONNECTORS_TEXT.split())
"""Small words and zones that stand inside a written date; the words that open a date-first attribution are here too."""

_SEPARATOR_WORDS_TEXT: Final[str] = (
    "oprindelig meddelelse|oprindelig besked|original meddelelse|oprindelig mail|oprindelig e-mail|"
    "den oprindelige meddelelse|original besked|opprinnelig melding|opprinneleg melding|original melding|"
    "opprinnelig e-post|ursprungligt meddelande|originalmeddelande|ursprungligt e-postmeddelande|"
    "original message|original appointment|oprindelig aftale|"
    "ursprünglicher termin|original mail|original email|original e-mail|originalmail|reply message|"
    "ursprüngliche nachricht|originalnachricht|original-nachricht|ursprüngliche mail|"
    "ursprüngliche e-mail|message d'origine|message d’origine|message original|message initial|"
    "mail original|e-mail d'origine|courriel d'origine|исходное сообщение|оригинальное сообщение|"
    "исходное письмо|первоначальное сообщение|oorspronkelijk bericht|origineel bericht|"
    "oorspronkelijk e-mailbericht|mensaje original|messaggio originale|wiadomość oryginalna|"
    "oryginalna wiadomość|wiadomość pierwotna|alkuperäinen viesti|mensagem original|původní zpráva|"
    "původní e-mail|orijinal mesaj|özgün ileti|eredeti üzenet|mesaj original|αρχικό μήνυμα|"
    "originalne poruka|оригінальне повідомлення|пересылаемое сообщение|пересланное сообщение|"
    "перенаправленное сообщение|пересылаемое письмо|конец пересылаемого сообщения|videresendt meddelelse|"
    "videresendt besked|videresendt mail|videresendt e-mail|videresendt melding|"
    "vidarebefordrat meddelande|vidarebefordrat brev|vidarebefordrat mejl|forwarded message|"
    "forwarded mail|forwarded email|forwarded letter|weitergeleitete nachricht|weitergeleitete mail|"
    "message transféré|message transmis|message réexpédié|mail transféré|courriel transféré|"
    "end forwarded message|end of forwarded message|"
    "doorgestuurd bericht|mensaje reenviado|"
    "messaggio inoltrato|wiadomość przekazana|przekazana wiadomość|välitetty viesti|mensagem encaminhada|"
    "přeposlaná zpráva|iletilen mesaj|továbbított üzenet|begin forwarded message|"
    "start på videresendt besked|start på videresendt meddelelse|anfang der weitergeleiteten nachricht|"
    "début du message transféré|début du message réexpédié|vidarebefordrat brev börjar|"
    "vidarebefordrat mejl|vidaresendt melding|videresendt melding begynner|"
    "начало переадресованного сообщения|начало переадресованного письма|begin doorgestuurd bericht|"
    "inizio messaggio inoltrato|inicio del mensaje reenviado|początek przekazanej wiadomości|"
    "välitetty viesti alkaa|oprindelig sms|reply above this line|원본 메시지|"
    "原始邮件|原始郵件|转发的邮件|元のメッセージ|"
    "ההודעה המקורית|הודעה מקורית|הודעה שהועברה|رسالة أصلية|الرسالة الأصلية"
)
SEPARATOR_WORDS: Final[frozenset[str]] = frozenset(_SEPARATOR_WORDS_TEXT.split("|"))
"""What stands between dashes above quoted or forwarded mail, or alone before a colon (Apple Mail's forwards)."""

SEPARATOR_OPENINGS: Final[tuple[str, ...]] = (
    "videresendt af ",
    "forwarded by ",
    "weitergeleitet von ",
    "transféré par ",
    "videresendt av ",
    "vidarebefordrat av ",
    "переслано ",
    "message from ",
    "end message from ",
    "forwarded message from ",
    "original message from ",
    "message du ",
)
"""Notes and old web mails put a name or a date between the dashes."""
