"""What is history and what is not, line by line; whole mails of every client stand in tests/golden/mail."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.quotes import Cut, cut_html, cut_text, split_signature
from tests.stopwatch import cpu_seconds

HISTORY = [
    "Den man. 19. feb. 2012 kl. 22.38 skrev X <x@y.dk>:",
    "Den 19-02-2012 22:38, Anna Maria Jensen skrev:",
    "Den 19. februar 2012 kl. 22.38.10 CET skrev X Y <x@y.dk>:",
    "X Y <x@y.dk> skrev den 19-02-2012 22:38:",
    "søn. 19. feb. 2012 kl. 22:38 skrev X <x@y.no>:",
    "Den sön 19 feb. 2012 kl 22:38 skrev X <x@y.se>:",
    "19 feb. 2012 kl. 22:38 skrev X <x@y.se>:",
    "On Mon, Feb 19, 2012 at 10:38 PM X Y wrote:",
    "On Mon, Feb 19, 2012 at 10:38\u202fPM besvar.sms.example.com <\n604cf54f@sms.example.com> wrote:",
    "On Sun, Feb 19, 2012 at 10:38 PM X Y\n<604cf54f8dc39dccb2e59e4d9172a9fb@sms.example.com>\nwrote:",
    "On Sunday, February 19th, 2012 at 10:38 PM, X <x@y.ch> wrote:",
    "X <x@y.dk> wrote on 02/19/2012 10:38:10 PM:",
    "Le lun. 19 févr. 2012 à 22:38, X a écrit :",
    "Le 19/02/2012 à 22:38, X <x@y.fr> a écrit\u202f:",
    "Am 19.02.2012 um 22:38 schrieb X:",
    "X <x@y.de> hat am 19.02.2012 22:38 geschrieben:",
    "19 февраля 2012 г., 22:38, X написал(а):",
    "пн, 19 февр. 2012 г. в 22:38, X <x@y.ru>:",
    'пн, 19 февр. 2012 г. в 22:38, "Фирма, отдел"\n<x@y.ru>:',
    "Воскресенье, 19 февраля 2012, 22:38 +04:00 от X <x@y.ru>:",
    "Op ma 19 feb. 2012 om 22:38 schreef X <x@y.nl>:",
    "W dniu 19.02.2012 o 22:38, X pisze:",
    "El lun, 19 feb 2012 a las 22:38, X (<x@y.es>) escribió:",
    "Il giorno lun 19 feb 2012 alle ore 22:38 X <x@y.it> ha scritto:",
    "ma 19. helmik. 2012 klo 22.38 X (x@y.fi) kirjoitti:",
    "Em seg., 19 de fev. de 2012 às 22:38, X <x@y.pt> escreveu:",
    "X <x@y.tr>, 19 Şub 2012 Paz, 22:38 tarihinde şunu yazdı:",
    "2012年2月19日(日) 22:38 X <x@y.jp>:",
    "\u202bב-יום א׳, 19 בפבר׳ 2012 ב-22:38 מאת \u202aX\u202c\u200f <\u202ax@y.il\u202c\u200f>:\u202c",
    "X ---19-02-2012 22:38:10---Hej Anna",
    ">>> X <x@y.dk> 19-02-2012 22:38 >>>",
    "-----Oprindelig meddelelse-----\nFra: X\nSendt: 19. februar 2012 22:38",
    "-----Original Message-----",
    "-------- Ursprüngliche Nachricht --------",
    "\u2010\u2010\u2010\u2010\u2010\u2010\u2010 Original Message \u2010\u2010\u2010\u2010\u2010\u2010\u2010",
    "----- Videresendt af X/Firma den 19-02-2012 22:38 -----",
    "Begin forwarded message:",
    "________________________________\nFra: X\nEmne: Hej",
    "*Fra:* X <x@y.dk>\n*Sendt:* 19. februar 2012 22:38\n*Til:* Z\n*Emne:* Hej",
    "Subject: Hej\nFrom: x@y.dk\nTo: z@y.dk\nDate: Sun, 19 Feb 2012 22:38:10 +0100",
    "From: X\n\nSent: 19 February 2012 22:38\n\nTo: Z\n\nSubject: Hi",
    "Gesendet: Sonntag, 19. Februar 2012 um 22:38 Uhr\nVon: X <x@y.de>\nAn: z@y.de\nBetreff: Hallo",
    "De : X <x@y.fr>\nEnvoyé : dimanche 19 février 2012 22:38\nÀ : Z\nObjet : Bonjour",
    "От: X <x@y.ru>\nОтправлено: 19 февраля 2012 г. 22:38\nКому: Z\nТема: Привет",
]
KEY = "604cf54f8dc39dccb2e59e4d9172a9fb@sms.example.com"
HISTORY += [
    f"Frá: X <{KEY}>\nSent: 18. nóvember 2026 21:38\nTil: Anna\nEfni: Hæ",
    f"Hapana: X <{KEY}>\nTarehe: 18.11.2026 21:38\nKwa: Anna\nMada: Habari",
    f"Vào Th 4, 18 thg 11, 2026 vào lúc 21:38 X\n<{KEY}> đã viết:",
    f"Missatge de X <{KEY}> del dia dc., 18 de nov. 2026 a les 21:38:",
]
INTRODUCED = [
    *[line for line in HISTORY if not line.startswith(">>>")],
    "X skrev:",
    "2012/2/19 X Y <x@y.dk>",
    "Anna Jensen wrote:",
]
OWN = [
    "Fra: kl 12\nTil: kl 14",
    "Fra: København\nTil: Aarhus\nDato: 3. maj 2012",
    "On Monday he wrote:\nI will not come.",
    "On Monday he wrote: I will not come, and that was that.",
    "Den 3. maj skrev jeg kontrakt",
    "Den 3. maj 2012 kl. 10.30 skrev jeg:\nhusk nøglen",
    "På mandag den 3. maj 2012 kl. 10.00 mødes vi om følgende:\n- pris\n- tid",
    "Den 3. maj 2012 skrev vi til kommunen med følgende krav:\n1. penge",
    "Følgende er aftalt den 3. maj 2012 kl. 10.30:\nvi kommer",
    "Gå til menuen\n> Indstillinger\nog tryk",
    "> se her",
    "a\n-----\nb",
    "a\n______________\nb",
    "Til: Peter\nhusk mælk",
    "Kommer snart\n\n>:-(",
    "Jeg har fået >= 18 point",
    "Mvh",
    "Mvh\nAnna\n\n\n\nPS: ring",
    "-- \nAnna",
    "Dato: 18.11.2026\nTid: 21:38\nEmne: Fest\nSvar til: anna@firm.example",
    "Le 3 mai 2026 à 10:30, il a écrit :\nje viens",
    "Am 3.5.2026 um 10:30 schrieb ich Ihnen:\nbitte kommen",
    "Fra: Anna Jensen, anna@firm.example\nTil: Per\nLevering: i morgen",
    "Sendt fra kontoret",
    "Sendt fra Aarhus i går",
    "Gesendet von Frau Müller",
    "Отправлено из Москвы",
    "Sent with love",
    "Kør:\n$ cat x > y\n>> y\n# færdig",
    "Bo > Per\nPer > Ole",
    "Fra: Lager\nTil: Butik\nDato: 24/11/2026\nEmne: Levering\n\nVaren kommer kl. 9.",
    "Priser:\n| æbler | 3 |\n| pærer | 4 |",
    "Aftalt:\n# kl. 9\n# kl. 10",
    "Jeg har ikke sendt fra min iPhone",
    "Hent Peter på stationen",
    "Original Message",
    "---- pause ----",
    "Dato: 3. maj\nTid: 10.30\nSted: Aarhus",
    "Emne: regning\nTil: bogholderiet\nBeløb: 200 kr",
    "Tid: kl. 8.00\nFra: torvet 3\nTil: havnen 5",
    "Von: 8:00\nBis: 9:00\nDatum: 19.02.2012",
    "De: 8h00\nÀ: 9h00\nDate: 19/02/2012",
    "https://x.dk/a>b",
    "Hun skrev 19.02.2012 kl. 22:38 til mig",
    "Peter skriver:\njeg kommer ikke",
    "Ring til Peter <p@x.dk> og spørg:\nhvornår?",
    "  indrykket\n\ttab  ",
]
FOOTERS = [
    "Sendt fra min iPhone",
    "Sendt fra min iPad",
    "Sent from my iPhone",
    "Skickat från min iPhone",
    "Von meinem iPhone gesendet",
    "Envoyé de mon iPhone",
    "Отправлено с iPhone",
    "Verzonden vanaf mijn iPhone",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Wysłane z iPhone'a",
    "Lähetetty iPhonesta",
    "Hent Outlook til iOS<https://aka.ms/o0ukef>",
    "Hent Outlook til Android (https://aka.ms/AAb9ysg)",
    "Get Outlook for Android",
    "Outlook voor Android downloaden<https://aka.ms/AAb9ysg>",
    "Sent from Yahoo Mail on Android",
    "Sendt fra min Samsung Galaxy smartphone.",
    "Sent from my Galaxy",
    "Sent with Proton Mail secure email.",
    "Diese Nachricht wurde von meinem Android-Mobiltelefon\nmit WEB.DE Mail gesendet.",
    "-- \nSent from my Android device with K-9 Mail. Please excuse my brevity.",
    "Отправлено из мобильной Яндекс.Почты",
    "Sendt fra Mail til Windows 10",
    "Sendt fra min Sony Xperia™-smartphone",
    "Sent via the Samsung Galaxy S21 5G, an AT&T 5G smartphone",
    "Sent via Superhuman ( https://sprh.mn/?vip=a@x.dk )",
    "Envoyé depuis mon smartphone Samsung Galaxy.",
    "Envoyé avec la messagerie sécurisée Proton Mail.",
    "Von Yahoo Mail auf Android gesendet",
    "Von meinem Android-Gerät mit der GMX-App gesendet",
    "Отправлено со смартфона Samsung Galaxy.",
    'Отправлено из "Почты" для Windows 10',
    "Descargar Outlook para Android",
    "Anna Jensen reagerede via Gmail\n<https://www.google.com/gmail/about/?utm_source=gmail-in-product>",
]


@pytest.mark.proves("D12", "X1")
@pytest.mark.parametrize("mark", HISTORY)
def test_what_announces_history_takes_all_below_it(mark: str) -> None:
    text = f"Ja tak.\n\nMvh Anna\n\n{mark}\n\nKommer du?\n\nHilsen Per"
    assert cut_text(text) == Cut("Ja tak.\n\nMvh Anna", f"{mark}\n\nKommer du?\n\nHilsen Per")


@pytest.mark.proves("D12", "X1")
@pytest.mark.parametrize("mark", INTRODUCED)
def test_answers_between_and_below_quoted_lines_stay(mark: str) -> None:
    text = f"Se her.\n{mark}\n\n> Kommer du?\n\nJa.\n> Hvornår?\n> > nu\nKl. 14.\n\nMvh Anna"
    assert cut_text(text).kept == "Se her.\n\nJa.\nKl. 14.\n\nMvh Anna"


@pytest.mark.proves("D12")
@pytest.mark.parametrize("mark", [line for line in HISTORY if not line.startswith(">>>")])
def test_quote_marks_before_the_announcement_change_nothing(mark: str) -> None:
    quoted = "".join(f"> {line}\n" for line in mark.split("\n"))
    assert cut_text(f"Ja tak.\n\n{quoted}> \n> Kommer du?\n").kept == "Ja tak."


@pytest.mark.proves("D12", "D8")
@pytest.mark.parametrize("text", OWN)
def test_a_persons_own_words_stay(text: str) -> None:
    assert cut_text(text) == Cut(text, "")
    reply = f"{text}\n\nDen 19. feb. 2012 kl. 22.38 skrev X <x@y.dk>:\n\n> Kommer du?\n"
    assert cut_text(reply).kept == text


@pytest.mark.proves("D12")
@pytest.mark.parametrize("footer", FOOTERS)
def test_what_a_phone_adds_goes(footer: str) -> None:
    assert cut_text(f"Ja tak.\n\n{footer}\n") == Cut("Ja tak.", footer)
    quoted = "> Den 19. feb. 2012 kl. 22.38 skrev X <x@y.dk>:\n> \n> Kommer du?"
    assert cut_text(f"Ja tak.\n\n{footer}\n\n{quoted}\n").kept == "Ja tak."


@pytest.mark.proves("D12")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("> Kommer du?\n\nJa", "Ja"),
        ("> Kommer du?\n> Hvornår?\nJa", "Ja"),
        ("Ja\n\n> Kommer du?", "Ja"),
        ("Ja\n\n>> Kommer du?\n> Hvem?", "Ja"),
        ("> Kommer du?\nJa\n> Hvornår?\nKl. 14", "Ja\nKl. 14"),
        ("> Kommer du?\n> Hvornår?", ""),
        # an attribution without a year or a time needs the quote below it
        ("Ja\n\nDen 26. nov skrev Anna:\n> Kommer du?", "Ja"),
        ("Ja\n\nOn Nov 26 Anna Hansen wrote:\n> Kommer du?", "Ja"),
        ("Den 26. nov skrev Anna:\nKommer du?", "Den 26. nov skrev Anna:\nKommer du?"),
    ],
)
def test_quoted_lines_that_nothing_announces(text: str, kept: str) -> None:
    assert cut_text(text).kept == kept


@pytest.mark.proves("D12")
def test_what_was_cut_is_kept_in_order() -> None:
    assert cut_text("> a\n> b\n\nJa\n\n> c\n\nNej\n\n> d").cut == "> a\n> b\n> c\n> d"


@pytest.mark.proves("D12")
@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<div>Ja</div><blockquote type=cite>q</blockquote><div>Nej</div>", "Ja\n\nNej"),
        (
            "<div>Ja</div><blockquote style='margin:0 0 0 40px;border:none;padding:0'>min liste</blockquote>",
            "Ja\nmin liste",
        ),
        ("<p>Ja</p><p>X skrev:</p><blockquote>q</blockquote><p>Nej</p>", "Ja\n\nNej"),
        ("<p>Ja</p><div id=divRplyFwdMsg>?????: x</div><p>q</p>", "Ja"),
        ("<p>Ja</p><div id=appendonsend></div><p>q</p>", "Ja"),
        ("<div id=appendonsend></div><p>Ja</p>", "Ja"),
        (
            "<p>Ja</p><div style='border-top:solid #E1E1E1 1.0pt'><p><b>A:</b> b</p><p><b>C:</b> d</p><p><b>E:</b> f</p></div>q",
            "Ja",
        ),
        ("<p>Ja</p><div style='border-top:solid red 1.0pt'><p>Anna Jensen</p></div>", "Ja\n\nAnna Jensen"),
        ("<p>Ja</p><div class=yahoo_quoted><div>ukendt sprog, ukendt form</div>q</div>", "Ja"),
        ("<p>Pris &gt; 5</p>", "Pris > 5"),
    ],
)
def test_what_html_says_about_quotes(html: str, kept: str) -> None:
    assert cut_html(html).kept == kept


@pytest.mark.proves("D12")
@pytest.mark.parametrize(
    ("text", "above", "signature"),
    [
        ("Hej\n\n-- \nAnna", "Hej", "-- \nAnna"),
        ("Hej\n--\nAnna", "Hej", "--\nAnna"),
        ("a\n-- \nb\n-- \nAnna", "a\n-- \nb", "-- \nAnna"),
        ("> -- \n> Per\nHej", "> -- \n> Per\nHej", ""),
        ("Hej -- Anna", "Hej -- Anna", ""),
    ],
)
def test_signature_is_split_at_its_delimiter(text: str, above: str, signature: str) -> None:
    assert split_signature(text) == (above, signature)


WORDS = st.sampled_from(
    [
        "Ja",
        "Nej",
        "hej",
        "kl",
        "14",
        "Fra:",
        "Til:",
        "Emne:",
        "Sendt:",
        "den",
        "3.",
        "maj",
        "2012",
        "10:30",
        "skrev",
        "wrote:",
        "On",
        ">",
        "--",
        "-----",
        "X",
        "<x@y.dk>",
        "jeg",
        ":",
        "mvh",
        "*",
        "Sendt",
        "fra",
        "min",
        "iPhone",
        "_____",
        ">>",
        "Original",
        "Message",
        "-----Original",
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=14).map("\n".join)
PLAIN_WORDS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters=">:\r\n<@-_=*—–‐─#~", exclude_categories=["C", "Z"]),
    min_size=1,
)
PLAIN_TEXT = st.lists(st.lists(PLAIN_WORDS, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=8).map(
    "\n".join
)


@pytest.mark.proves("D12")
@settings(max_examples=400, deadline=None)
@given(LINES | st.text(max_size=200))
def test_cutting_twice_cuts_no_more(text: str) -> None:
    kept = cut_text(text).kept
    assert cut_text(kept).kept == kept


@pytest.mark.proves("D12", "D8")
@settings(max_examples=200, deadline=None)
@given(PLAIN_TEXT)
def test_text_with_nothing_quoted_is_unchanged(text: str) -> None:
    assert cut_text(text) == Cut(text, "")
    reply = f"{text}\n\n-----Original Message-----\nFrom: X <x@y.dk>\nSubject: Y\n\nZ"
    assert cut_text(reply).kept == text


@pytest.mark.proves("D12")
@settings(max_examples=200, deadline=None)
@given(LINES)
def test_nothing_is_invented_and_nothing_lost(text: str) -> None:
    cut = cut_text(text)
    lines = [line for line in text.split("\n") if line.strip()]
    assert sorted(lines) == sorted(line for line in f"{cut.kept}\n{cut.cut}".split("\n") if line.strip())


MEGABYTE = 1_000_000
HOSTILE_TEXT = [
    ">\n", "> a\n", "On ", "On\n", "a:\n", "On Feb 19 2012:\n", "Fra: x\n", "Fra: x\n\n", "_", "______\n", "-----a-----\n", "a@", "<", '"',
    "Sent from my iPhone\n", "skrev:\n", "-----Original Message-----\n> a\nb\n", "On 1 Feb 2012 10:10 X <a@b.c> wrote:\n> a\nb\n",
    "Den 3. maj 2012 kl. 10.10 skrev jeg:\na\n", "\n", " \n", "a\n>b\n", "> a\n\nb\n", ">>> ", "x ---", "Sent from my iPhone\n> a\n", "\u200c", "\r",
    "a wrote:\n| x\n", "--a@b.c wrote--\n", "Anna\n2026-11-23 10:12\nTo\na\n", "von samsung mit samsung galaxy for\n> x\n", "a <\n\n<a@b.c>:\n\n",
]  # fmt: skip
HOSTILE_HTML = [
    "<a ", "<div>", "<blockquote type=cite>", "<blockquote type=cite>x</blockquote>y", "<div class=gmail_quote>x", "<p>x", "<br>",
    "<style></style>", "<style>", "<!--", '<a "', "<ul><li>", "<table><tr><td>", "<b><p>", "&amp", "<font size=1><p>", "<select>",
    "<tr><td><p>a</p><td><p>b</p></tr>", '<span style="font-family:Wingdings">',
    '<div style="border-top:solid red 1pt">Fra: x</div>', "<p>On 1 Feb 2012 10:10 X wrote:</p>",
]  # fmt: skip


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("bait", HOSTILE_TEXT)
def test_a_megabyte_of_hostile_text_is_quick(bait: str) -> None:
    text = bait * (MEGABYTE // len(bait))
    assert cpu_seconds(lambda: cut_text(text), 0.5) < 0.5


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("bait", HOSTILE_HTML)
def test_a_megabyte_of_hostile_html_is_quick(bait: str) -> None:
    page = bait * (MEGABYTE // len(bait))
    assert cpu_seconds(lambda: cut_html(page), 0.5) < 0.5


@pytest.mark.proves("D12")
def test_quotes_with_a_sign_of_their_own_go_and_the_answer_stays() -> None:
    assert cut_text("X <x@y.dk> wrote:\n| Tea?\n| Or cake?\n\nCake.\n").kept == "Cake."


@pytest.mark.proves("D12", "D8")
def test_own_labelled_line_right_above_a_header_block_stays() -> None:
    header = "Fra: X <x@y.dk>\nSendt: 19. februar 2012 22:38\nTil: Anna\nEmne: Y\n\nKommer du?"
    assert cut_text(f"Husk:\nEmne: nøgle\n\n{header}").kept == "Husk:\nEmne: nøgle"


@pytest.mark.proves("D8")
def test_a_row_of_one_line_cells_is_a_line() -> None:
    row = "<tr><td><p>{}</p></td><td><p>{}</p></td></tr>"
    assert cut_html(f"<table>{row.format('Mandag', '9-12')}{row.format('a<br>b', 'c')}</table>").kept == (
        "Mandag 9-12\n\na\nb\n\nc"
    )


@pytest.mark.proves("D8")
def test_smileys_and_arrows_that_word_drew_with_wingdings_are_text() -> None:
    sign = '<span style="font-family:Wingdings">{}</span>'
    assert cut_html(f"<p>Tak {sign.format('J')} {sign.format('à')} {sign.format('ABC')}</p>").kept == "Tak :-) -> ABC"
