"""Verdicts on versions of a text: by the rule when its time has come, or by a person before.

In: a campaign that tries versions. Out: the same with its verdict, or without while it is too early. Promises: it is
decided once, in one transaction, with who decided and on what; whoever runs the campaign finds it there.
"""

from __future__ import annotations

from functools import partial

from campaigns.campaign import Campaign, NotNow
from campaigns.store import campaign_sql, trial_sql
from campaigns.store.trial_sql import Pick
from campaigns.terms import split_of
from campaigns.trial import Rule, best, versions_of
from gateway import maillog
from gateway.maillog import Event
from gateway.model import Clock
from gateway.registry.errors import BadValue
from gateway.store.database import Database
from gateway.translation import sentence


class Trials:
    """Gives verdicts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def judge(self, campaign_id: str) -> str:
        """The version that the others get, decided now where it is time; "" while it is too early."""
        campaign = await self._database.read(partial(campaign_sql.find, org_id=None, campaign_id=campaign_id))
        if campaign is None or campaign.content.trial is None:
            return ""
        rule, split, now = campaign.content.trial.rule, split_of(campaign), self._clock.now()
        if campaign.verdict.winner or rule is Rule.HAND or split is None or now < split.until:
            return campaign.verdict.winner
        figures = await self._database.read(partial(trial_sql.figures, campaign=campaign))
        pick = Pick(campaign_id, best(rule, figures), figures, now)
        decided = await self._database.write(trial_sql.decide, pick)
        if not isinstance(decided, Campaign):
            return ""
        maillog.note(Event.CAMPAIGN, id=campaign_id, state=decided.state, winner=decided.verdict.winner)
        return decided.verdict.winner

    async def pick(self, campaign: Campaign, version: str, by: str) -> Campaign | NotNow | None:
        """Let a version win that somebody chooses. Raises BadValue for one that there is not."""
        version = version.strip().lower()
        if version not in versions_of(campaign.content.texts):
            raise BadValue(sentence("there is no such version of the text"))
        figures = await self._database.read(partial(trial_sql.figures, campaign=campaign))
        pick = Pick(campaign.id, version, figures, self._clock.now(), by or "?")
        return await self._database.write(trial_sql.decide, pick)
