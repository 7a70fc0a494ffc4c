"""What campaigns are written, approved and started with, from the rooms of the program.

It is made, and imported, when somebody first asks: a page, a call, a mail to `campaign@`, a campaign that runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.approval_letters import ApprovalLetters
from campaigns.approvals import Approvals
from campaigns.audience import ContactReaders
from campaigns.by_mail.desk import CampaignByMail
from campaigns.by_mail.letters import ByMailLetters
from campaigns.campaigns import Campaigns
from campaigns.rehearsal import Rehearsal
from web.identity.approvers import NotesByMail, PeopleWhoApprove, PeopleWhoStart
from web.identity.audit import Audit
from web.identity.roles import must_have_second

if TYPE_CHECKING:
    from brevdue.rooms import Rooms


def campaigns_of(rooms: Rooms) -> Campaigns:
    """Make what campaigns are written, started and looked at with."""
    return Campaigns(
        database=rooms.database,
        accounts=rooms.accounts,
        readers=ContactReaders(rooms.database, rooms.clock),
        terms=rooms.terms_maker,
        dialog=rooms.settings.dialog,
        approvals=rooms.approvals,
        clock=rooms.clock,
        nudge=rooms.campaign_runner.nudge,
    )


def rehearsal_of(rooms: Rooms) -> Rehearsal:
    """Make what sends tests of campaigns."""
    return Rehearsal(
        database=rooms.database,
        campaigns=rooms.campaigns,
        accounts=rooms.accounts,
        sending=rooms.sending,
        emails=rooms.email_writer,
        clock=rooms.clock,
        mail_queued=rooms.mail_out.nudge,
    )


def approvals_of(rooms: Rooms) -> Approvals:
    """Make what asks a second person about large campaigns."""
    settings = rooms.settings
    return Approvals(
        database=rooms.database,
        approvers=PeopleWhoApprove(rooms.database),
        letters=ApprovalLetters(settings.mail, settings.http.public_url, rooms.clock),
        above=settings.campaigns.approval_above,
        clock=rooms.clock,
        mail_queued=rooms.mail_out.nudge,
    )


def by_mail_of(rooms: Rooms) -> CampaignByMail:
    """Make what campaigns are written and started with by mail."""
    settings = rooms.settings
    return CampaignByMail(
        database=rooms.database,
        accounts=rooms.accounts,
        campaigns=rooms.campaigns,
        approvals=rooms.approvals,
        starters=PeopleWhoStart(rooms.database, must_have_second(settings.web.require_second_factor)),
        note=NotesByMail(Audit(rooms.database, rooms.clock)),
        letters=ByMailLetters(settings.mail, settings.http.public_url, rooms.clock),
        spool=rooms.spool,
        clock=rooms.clock,
        mail_queued=rooms.mail_out.nudge,
    )
