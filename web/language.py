"""The languages of the pages, and how templates speak them.

A page's template finds `words` in its context, the `Translations` of who looks. `{{ _("Close") }}` and
`{% trans count=n %}…{% pluralize %}…{% endtrans %}` read them, and fill in values escaped. Text for scripts stands in
`data-` attributes of the page, so there is one way to translate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.translation import SOURCE, Translations, known, translations

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

LANGUAGES: Final = ("en", "da", "de", "fr", "ru")
"""The languages of the pages; a person who has another one reads English."""


def page_words(language: str) -> Translations:
    """The texts of the pages, and of what the gateway says there: refusals, reasons."""
    return translations(known(language, LANGUAGES), "web", "gateway")


def preferred(accept_language: str) -> str:
    """The language of ours that a browser asks for (RFC 9110 §12.5.4), English where it asks for none of them."""
    wishes = []
    for wish in accept_language.split(",")[:20]:
        tag, _, weight = wish.strip().partition(";")
        wishes.append((_quality(weight), tag.strip()))
    for quality, tag in sorted(wishes, key=lambda wish: -wish[0]):
        language = known(tag, LANGUAGES)
        if quality > 0 and (language != SOURCE or tag.lower().startswith(SOURCE)):
            return language
    return SOURCE


def _quality(weight: str) -> float:
    name, _, number = weight.replace(" ", "").partition("=")
    try:
        return min(float(number), 1.0) if name in {"q", "Q"} else 1.0
    except ValueError:
        return 0.0


def teach(environment: Environment) -> None:
    """Let templates translate by the `words` of their context; line breaks within a text are spaces."""
    from jinja2 import pass_context

    @pass_context
    def gettext(context: Context, text: str) -> str:
        return _words(context).catalog.gettext(text)

    @pass_context
    def ngettext(context: Context, one: str, many: str, amount: int) -> str:
        return _words(context).catalog.ngettext(one, many, amount)

    @pass_context
    def pgettext(context: Context, which: str, text: str) -> str:
        return _words(context).catalog.pgettext(which, text)

    @pass_context
    def npgettext(context: Context, which: str, one: str, many: str, amount: int) -> str:
        return _words(context).catalog.npgettext(which, one, many, amount)

    environment.policies["ext.i18n.trimmed"] = True
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # made by the extension
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )


def _words(context: Context) -> Translations:
    words = context["words"]
    if not isinstance(words, Translations):
        raise TypeError("a template that translates needs `words`, the translations of who looks")
    return words
