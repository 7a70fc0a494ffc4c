"""Campaigns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def slots(count: int) -> list[sa.Column]:
    """Columns for the values of attributes."""
    return [
        *(sa.Column(f'text_{n}', sa.String(), nullable=True) for n in range(1, count + 1)),
        *(sa.Column(f'number_{n}', sa.Double(), nullable=True) for n in range(1, count + 1)),
    ]


def upgrade() -> None:
    """Bring a database one step forward."""
    # --- contacts and groups
    contact_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table('consents',
    sa.Column('contact_id', contact_id, autoincrement=False, nullable=False),
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('purpose', sa.Integer(), nullable=False),
    sa.Column('given_at', sa.Double(), nullable=False),
    sa.Column('how', sa.String(), nullable=False),
    sa.Column('wording', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.Double(), nullable=True),
    sa.Column('ended_how', sa.String(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('contact_id', 'n', name=op.f('pk_consents')),
    sqlite_with_rowid=False
    )
    op.create_table('contact_attributes',
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('choices', sa.Text(), server_default='', nullable=False),
    sa.Column('slot', sa.String(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('book_id', 'kind', 'key', name=op.f('pk_contact_attributes')),
    sqlite_with_rowid=False
    )
    op.create_table('contact_facts',
    sa.Column('id', contact_id, autoincrement=False, nullable=False),
    sa.Column('has', sa.Integer(), nullable=False),
    sa.Column('language', sa.String(), nullable=True),
    sa.Column('zone', sa.String(), nullable=True),
    sa.Column('country', sa.String(), nullable=True),
    sa.Column('created', sa.Integer(), nullable=False),
    sa.Column('tags', sa.String(), nullable=True),
    sa.Column('consents', sa.String(), nullable=True),
    sa.Column('kinds', sa.String(), nullable=True),
    *slots(16),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_facts'))
    )
    op.create_table('contact_labels',
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('sort', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('book_id', 'sort', 'number', name=op.f('pk_contact_labels')),
    sa.UniqueConstraint('book_id', 'sort', 'folded', name=op.f('uq_contact_labels_book_id_sort_folded')),
    sqlite_with_rowid=False
    )
    op.create_table('contact_objects',
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Integer(), nullable=False),
    sa.Column('contact_id', contact_id, autoincrement=False, nullable=False),
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('ref', sa.String(), server_default='', nullable=False),
    sa.Column('fields', sa.Text(), server_default='', nullable=False),
    sa.Column('updated_at', sa.Double(), nullable=False),
    *slots(8),
    sa.PrimaryKeyConstraint('book_id', 'kind', 'contact_id', 'n', name=op.f('pk_contact_objects')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_contact_objects_contact_id', 'contact_objects', ['contact_id'], unique=False)

    op.create_table('contact_points',
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('value', sa.String(), nullable=False),
    sa.Column('contact_id', contact_id, autoincrement=False, nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('written', sa.String(), nullable=False),
    sa.Column('label', sa.String(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('book_id', 'kind', 'value', 'contact_id', name=op.f('pk_contact_points')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_contact_points_contact_id', 'contact_points', ['contact_id'], unique=False)

    op.create_table('contacts',
    sa.Column('id', contact_id, autoincrement=False, nullable=False),
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), server_default='', nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=True),
    sa.Column('email', sa.String(), nullable=True),
    sa.Column('language', sa.String(), server_default='', nullable=False),
    sa.Column('zone', sa.String(), server_default='', nullable=False),
    sa.Column('no_sms', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('attributes', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('updated_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contacts'))
    )
    op.create_index('ix_contacts_name', 'contacts', ['book_id', 'folded', 'id'], unique=False)

    op.create_table('group_members',
    sa.Column('group_id', sa.String(), nullable=False),
    sa.Column('contact_id', contact_id, autoincrement=False, nullable=False),
    sa.Column('added_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('group_id', 'contact_id', name=op.f('pk_group_members')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_group_members_contact_id', 'group_members', ['contact_id'], unique=False)

    op.create_table('import_chunks',
    sa.Column('import_id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('rows', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('import_id', 'number', name=op.f('pk_import_chunks'))
    )
    op.create_table('import_plans',
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('head', sa.String(), nullable=False),
    sa.Column('plan', sa.Text(), nullable=False),
    sa.Column('used_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'head', name=op.f('pk_import_plans')),
    sqlite_with_rowid=False
    )
    op.create_table('import_refusals',
    sa.Column('import_id', sa.String(), nullable=False),
    sa.Column('line', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('cells', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('import_id', 'line', name=op.f('pk_import_refusals')),
    sqlite_with_rowid=False
    )
    op.create_table('contact_books',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('last', sa.BigInteger(), server_default='0', nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_contact_books_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_books')),
    sa.UniqueConstraint('org_id', name=op.f('uq_contact_books_org_id'))
    )
    op.create_table('contact_groups',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.Column('filter', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('updated_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_contact_groups_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_groups')),
    sa.UniqueConstraint('org_id', 'folded', name=op.f('uq_contact_groups_org_id_folded'))
    )
    op.create_table('contact_imports',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('head', sa.Text(), nullable=False),
    sa.Column('plan', sa.Text(), server_default='', nullable=False),
    sa.Column('by', sa.String(), server_default='', nullable=False),
    sa.Column('rows', sa.Integer(), server_default='0', nullable=False),
    sa.Column('chunks', sa.Integer(), server_default='0', nullable=False),
    sa.Column('done_chunks', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('updated_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('same_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('refused_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('finished_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_contact_imports_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_imports'))
    )
    op.create_index('ix_contact_imports_org_id', 'contact_imports', ['org_id', 'id'], unique=False)
    op.create_index('ix_contact_imports_running', 'contact_imports', ['id'], unique=False, sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))

    # --- campaigns
    op.create_table('campaign_recipients',
    sa.Column('campaign_id', sa.String(), nullable=False),
    sa.Column('contact_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), server_default='', nullable=False),
    sa.Column('variant', sa.String(), server_default='', nullable=False),
    sa.Column('message_id', sa.String(), nullable=True),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('address', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('campaign_id', 'contact_id', name=op.f('pk_campaign_recipients')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_campaign_recipients_waiting', 'campaign_recipients', ['campaign_id', 'at', 'contact_id'], unique=False, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))

    op.create_table('holds',
    sa.Column('record_id', sa.String(), nullable=False),
    sa.Column('since', sa.Double(), nullable=False),
    sa.Column('ended', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('record_id', name=op.f('pk_holds')),
    sqlite_with_rowid=False
    )
    op.create_table('campaigns',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('texts', sa.Text(), nullable=False),
    sa.Column('channel', sa.String(), server_default='sms', nullable=False),
    sa.Column('subjects', sa.Text(), server_default='', nullable=False),
    sa.Column('audience', sa.Text(), nullable=False),
    sa.Column('consent', sa.String(), server_default='', nullable=False),
    sa.Column('launch', sa.String(), nullable=False),
    sa.Column('start_at', sa.Double(), nullable=True),
    sa.Column('send_window', sa.String(), server_default='', nullable=False),
    sa.Column('zone', sa.String(), server_default='UTC', nullable=False),
    sa.Column('smart', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('short_links', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('trial', sa.Text(), server_default='', nullable=False),
    sa.Column('winner', sa.String(), server_default='', nullable=False),
    sa.Column('decided_at', sa.Double(), nullable=True),
    sa.Column('decided_by', sa.String(), server_default='', nullable=False),
    sa.Column('decided_on', sa.Text(), server_default='', nullable=False),
    sa.Column('per_minute', sa.Integer(), server_default='0', nullable=False),
    sa.Column('per_week', sa.Integer(), server_default='0', nullable=False),
    sa.Column('max_parts', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('max_cost', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.String(), server_default='', nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('state_at', sa.Double(), nullable=False),
    sa.Column('cause', sa.String(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('created_by', sa.String(), server_default='', nullable=False),
    sa.Column('started_at', sa.Double(), nullable=True),
    sa.Column('finished_at', sa.Double(), nullable=True),
    sa.Column('cursor', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('exhausted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('available_at', sa.Double(), nullable=False),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('recipients', sa.Integer(), server_default='0', nullable=False),
    sa.Column('messages', sa.Integer(), server_default='0', nullable=False),
    sa.Column('waiting', sa.Integer(), server_default='0', nullable=False),
    sa.Column('skipped', sa.Integer(), server_default='0', nullable=False),
    sa.Column('parts', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('cost', sa.BigInteger(), server_default='0', nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_campaigns_account_id')),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_campaigns_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_campaigns'))
    )
    op.create_index('ix_campaigns_due', 'campaigns', ['available_at'], unique=False, sqlite_where=sa.text("state IN ('scheduled', 'running')"), postgresql_where=sa.text("state IN ('scheduled', 'running')"))
    op.create_index('ix_campaigns_organisation', 'campaigns', ['org_id', 'id'], unique=False)

    # --- short links
    op.create_table('campaign_links',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('campaign_id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('written', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_campaign_links_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_campaign_links')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_campaign_links_campaign_id', 'campaign_links', ['campaign_id'], unique=False)
    op.create_table('link_clicks',
    sa.Column('link_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('contact_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('clicks', sa.Integer(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('first_at', sa.Double(), nullable=False),
    sa.Column('last_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('link_id', 'contact_id', name=op.f('pk_link_clicks')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_link_clicks_contact_id', 'link_clicks', ['contact_id'], unique=False)
    # --- approval by a second person, campaigns by mail, quiet hours
    op.add_column('organisations', sa.Column('approval_above', sa.Integer(), nullable=True))
    op.add_column('campaigns', sa.Column('asked_by', sa.String(), server_default='', nullable=False))
    op.add_column('campaigns', sa.Column('asked_id', sa.String(), server_default='', nullable=False))
    op.add_column('campaigns', sa.Column('asked_person', sa.String(), server_default='', nullable=False))
    op.add_column('key_secrets', sa.Column('made_by', sa.String(), server_default='', nullable=False))
    op.add_column('campaigns', sa.Column('asked_at', sa.Double(), nullable=True))
    op.add_column('campaigns', sa.Column('asked_for', sa.Integer(), server_default='0', nullable=False))
    op.add_column('campaigns', sa.Column('answered_by', sa.String(), server_default='', nullable=False))
    op.add_column('campaigns', sa.Column('answered_id', sa.String(), server_default='', nullable=False))
    op.add_column('campaigns', sa.Column('answered_at', sa.Double(), nullable=True))
    op.add_column('campaigns', sa.Column('approved', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('campaigns', sa.Column('answer', sa.Text(), server_default='', nullable=False))
    op.add_column('campaigns', sa.Column('any_hour', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('campaigns', sa.Column('any_day', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_table('campaign_mails',
    sa.Column('campaign_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('identity', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('asked_at', sa.Double(), nullable=False),
    sa.Column('contacts', sa.Integer(), nullable=False),
    sa.Column('answered_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('campaign_id', name=op.f('pk_campaign_mails'))
    )
    op.create_index('ix_campaign_mails_identity', 'campaign_mails', ['account_id', 'identity'], unique=True)

    # --- campaigns by e-mail
    for table in ('messages', 'mail_queue'):
        op.add_column(table, sa.Column('hours_begin', sa.Double(), nullable=True))
        op.add_column(table, sa.Column('hours_end', sa.Double(), nullable=True))
        op.add_column(table, sa.Column('hours_place', sa.String(), nullable=True))
    op.add_column('mail_queue', sa.Column('priority', sa.Integer(), server_default='0', nullable=False))
    op.drop_index('ix_mail_queue_due', 'mail_queue')
    op.create_index('ix_mail_queue_due', 'mail_queue', ['priority', 'available_at'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
    op.create_index('ix_campaign_recipients_address', 'campaign_recipients', ['campaign_id', 'address'], unique=True, sqlite_where=sa.text('address IS NOT NULL'), postgresql_where=sa.text('address IS NOT NULL'))
    op.create_table('email_optouts',
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('since', sa.Double(), nullable=False),
    sa.Column('how', sa.String(), nullable=False),
    sa.Column('campaign_id', sa.String(), nullable=True),
    sa.Column('ended_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_email_optouts_org_id')),
    sa.PrimaryKeyConstraint('org_id', 'address', name=op.f('pk_email_optouts'))
    )
    op.create_table('email_bounces',
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_email_bounces_org_id')),
    sa.PrimaryKeyConstraint('org_id', 'address', name=op.f('pk_email_bounces'))
    )
