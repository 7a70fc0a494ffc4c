"""What the person responsible for a campaign is told by mail: it has paused by itself, and why."""

from __future__ import annotations

from typing import Final

from campaigns.campaign import Campaign, Cause
from gateway.model import Account, Clock, MailKind, OutgoingMail, new_id
from gateway.settings import MailSettings
from gateway.translation import Sentence, sentence, translations
from gateway.writing.frame import FROM_NOBODY, Frame, for_people
from gateway.writing.mime import message, text_part

_WHY: Final[dict[str, Sentence]] = {
    Cause.BUDGET: sentence(
        "It has used up what it may spend, or its next SMS has no price in the currency of its budget. Let it go "
        "on with another budget, on its page: nobody gets it twice."
    ),
    Cause.GROWN: sentence(
        "Its audience has grown beyond what it was started or approved for. Somebody else than who has started it can "
        "let it go on."
    ),
    Cause.TEXT: sentence("Its text cannot be read any more."),
    Cause.AUDIENCE: sentence("A group or a field that its audience is chosen by is gone."),
}


class CampaignLetters:
    """Writes them."""

    def __init__(self, mail: MailSettings, clock: Clock) -> None:
        self._mail = mail
        self._clock = clock

    def paused(self, campaign: Campaign, account: Account, cause: str) -> OutgoingMail | None:
        """To the account that a campaign leaves from; None where there is nothing to say."""
        why = _WHY.get(cause)
        if why is None:
            return None
        words = translations(account.language, "campaigns")
        name = for_people(campaign.content.name)
        now = self._clock.now()
        mail_id, domain = new_id(now), self._mail.domains[0]
        frame = Frame(
            domain, f"postmaster@{domain}", account.email, f"{mail_id}@{self._mail.hostname}", now, suppress=FROM_NOBODY
        )
        text = "\n\n".join((words.gettext("The campaign %(name)s is paused.", name=name), words.say(why)))
        content = message(frame.lines(words.gettext("The campaign %(name)s is paused", name=name)), text_part(text))
        return OutgoingMail(mail_id, MailKind.REPORT, "", account.email, content, account.id, now)
