"""What is answered to who writes to campaign@: what their campaign would be, or what to do instead."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.by_mail.words import marked
from campaigns.campaign import Campaign
from campaigns.campaigns import Checked
from campaigns.estimate import Estimate
from gateway.local_forms import amount, moment, zone_of
from gateway.model import Account, Clock, MailKind, OutgoingMail, ParsedMail, new_id
from gateway.settings import MailSettings
from gateway.translation import Sentence, Translations, translations
from gateway.writing.frame import FROM_NOBODY, Frame, for_people
from gateway.writing.mime import message, text_part


class ByMailLetters:
    """Writes them, in the language of the account."""

    def __init__(self, mail: MailSettings, public_url: str, clock: Clock) -> None:
        self._mail = mail
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    def shown(
        self,
        account: Account,
        to: ParsedMail,
        campaign: Campaign,
        estimate: Estimate,
        example: Checked | None,
        above: int,
    ) -> OutgoingMail:
        """Recipients, cost, one text as it would arrive, who is left out, and how to go on."""
        words = self._words(account)
        name = for_people(campaign.content.name)
        if not estimate.messages:
            lead = words.gettext("Nobody of %(name)s would get this text.", name=name)
            return self._answer(account, to, campaign, lead, [*self._skipped(words, estimate), self.url(campaign)])
        ask = words.gettext("Answer OK to send this to %(name)s, or no to drop it.", name=name)
        lines = [ask, self._figures(words, account, estimate), *self._later(words, account, estimate)]
        lines += self._example(words, example)
        lines += self._skipped(words, estimate)
        if above and estimate.total > above:
            lines.append(words.gettext("It is so large that a second person has to approve it after your OK."))
        lines.append(words.gettext("Without an answer nothing is sent; after 24 hours an OK no longer counts."))
        subject = words.gettext("%(name)s: answer OK to send", name=name)
        return self._answer(account, to, campaign, subject, [*lines, self.url(campaign)])

    def said(
        self, account: Account, to: ParsedMail, what: Sequence[Sentence | str], campaign: Campaign | None = None
    ) -> OutgoingMail:
        """Sentences, of which the first is the Subject as well; with the way to the campaign's page."""
        words = self._words(account)
        lines = [words.say(each) if isinstance(each, Sentence) else each for each in what]
        link = [self.url(campaign)] if campaign is not None else []
        return self._answer(account, to, campaign, lines[0].rstrip("."), [*lines, *link])

    def url(self, campaign: Campaign) -> str:
        """The page of a campaign."""
        return f"{self._public_url}/campaigns/{campaign.id}"

    def _words(self, account: Account) -> Translations:
        return translations(account.language, "campaigns")

    def _figures(self, words: Translations, account: Account, estimate: Estimate) -> str:
        known = estimate.cost
        return words.gettext(
            "Recipients: %(messages)s of %(total)s contacts. SMS parts: %(parts)s. Cost: %(cost)s.",
            messages=estimate.messages,
            total=estimate.total,
            parts=estimate.parts,
            cost=amount(known, account.language, account.region) if known else words.gettext("not known"),
        )

    def _later(self, words: Translations, account: Account, estimate: Estimate) -> list[str]:
        if estimate.first_at is None:
            return []
        first = moment(estimate.first_at, zone_of(account.region), account.language, account.region)
        told = words.gettext(
            "%(count)s of them get it later, for these are quiet hours where they are: the first at %(moment)s.",
            count=estimate.later,
            moment=first,
        )
        return [told]

    def _example(self, words: Translations, example: Checked | None) -> list[str]:
        if example is None or example.text is None:
            return []
        name = for_people(example.recipient.name)
        return [words.gettext("%(name)s would read:", name=name), example.text.text]

    def _skipped(self, words: Translations, estimate: Estimate) -> list[str]:
        if not estimate.skipped:
            return []
        reasons = [f"{count}: {words.say(reason.words)}" for reason, count in sorted(estimate.skipped.items())]
        return ["\n".join([words.gettext("Left out:"), *reasons])]

    def _answer(
        self, account: Account, to: ParsedMail, campaign: Campaign | None, subject: str, paragraphs: Sequence[str]
    ) -> OutgoingMail:
        now = self._clock.now()
        mail_id, domain = new_id(now), self._mail.domains[0]
        frame = Frame(
            display_name=domain,
            sender=f"campaign@{domain}",
            recipient=account.email,
            message_id=f"{mail_id}@{self._mail.hostname}",
            now=now,
            in_reply_to=to.message_id,
            references=to.references,
            suppress=FROM_NOBODY,
            submitted="auto-replied",
        )
        mark = f"{marked(campaign.id)} " if campaign is not None else ""
        content = message(frame.lines(f"{mark}{subject}"), text_part("\n\n".join(paragraphs)))
        return OutgoingMail(mail_id, MailKind.REPORT, "", account.email, content, account.id, now)
