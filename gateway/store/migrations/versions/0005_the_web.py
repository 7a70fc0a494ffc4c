"""The web."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database one step forward."""
    op.add_column('api_keys', sa.Column('scopes', sa.Text(), server_default='', nullable=False))

    op.create_table('audit',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=True),
    sa.Column('actor_kind', sa.String(), nullable=False),
    sa.Column('actor_id', sa.String(), nullable=False),
    sa.Column('actor_name', sa.String(), nullable=False),
    sa.Column('peer_ip', sa.String(), server_default='', nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('detail', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    op.create_index('ix_audit_organisation', 'audit', ['org_id', 'id'], unique=False)

    op.create_table('people',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=True),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('email_folded', sa.String(), nullable=False),
    sa.Column('name', sa.String(), server_default='', nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('password', sa.String(), server_default='', nullable=False),
    sa.Column('totp', sa.Text(), server_default='', nullable=False),
    sa.Column('totp_step', sa.Integer(), server_default='0', nullable=False),
    sa.Column('language', sa.String(), server_default='', nullable=False),
    sa.Column('timezone', sa.String(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('disabled_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_people_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_people')),
    sa.UniqueConstraint('email_folded', name=op.f('uq_people_email_folded'))
    )
    op.create_index(op.f('ix_people_org_id'), 'people', ['org_id'], unique=False)

    op.create_table('sessions',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=True),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('seen_at', sa.Double(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.Column('peer_ip', sa.String(), server_default='', nullable=False),
    sa.Column('user_agent', sa.String(), server_default='', nullable=False),
    sa.Column('awaits', sa.String(), server_default='', nullable=False),
    sa.Column('email', sa.String(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_sessions_account_id')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_sessions_person_id')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sessions')),
    sa.UniqueConstraint('id', name=op.f('uq_sessions_id'))
    )
    op.create_index(op.f('ix_sessions_account_id'), 'sessions', ['account_id'], unique=False)
    op.create_index(op.f('ix_sessions_person_id'), 'sessions', ['person_id'], unique=False)
    op.create_index('ix_sessions_expires_at', 'sessions', ['expires_at'], unique=False)

    # who asks: recovery codes, people at other providers, one-time links, failures to sign in
    op.create_table('recovery_codes',
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_recovery_codes_person_id')),
    sa.PrimaryKeyConstraint('person_id', 'digest', name=op.f('pk_recovery_codes')),
    sqlite_with_rowid=False
    )

    op.create_table('passkeys',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('public_key', sa.Text(), nullable=False),
    sa.Column('sign_count', sa.Integer(), nullable=False),
    sa.Column('label', sa.String(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('used_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_passkeys_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkeys')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_passkeys_person_id'), 'passkeys', ['person_id'], unique=False)

    op.create_table('identities',
    sa.Column('issuer', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('since', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_identities_person_id')),
    sa.PrimaryKeyConstraint('issuer', 'subject', name=op.f('pk_identities')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_identities_person_id'), 'identities', ['person_id'], unique=False)

    op.create_table('links',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=True),
    sa.Column('person_id', sa.String(), nullable=True),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('email', sa.String(), server_default='', nullable=False),
    sa.Column('name', sa.String(), server_default='', nullable=False),
    sa.Column('role', sa.String(), server_default='', nullable=False),
    sa.Column('language', sa.String(), server_default='', nullable=False),
    sa.Column('made_by', sa.String(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.Column('used_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_links_account_id')),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_links_org_id')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_links_person_id')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_links')),
    sa.UniqueConstraint('id', name=op.f('uq_links_id'))
    )
    op.create_index(op.f('ix_links_account_id'), 'links', ['account_id'], unique=False)
    op.create_index(op.f('ix_links_expires_at'), 'links', ['expires_at'], unique=False)
    op.create_index(op.f('ix_links_org_id'), 'links', ['org_id'], unique=False)
    op.create_index(op.f('ix_links_person_id'), 'links', ['person_id'], unique=False)

    op.create_table('sign_in_rates',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('empty_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_sign_in_rates')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_sign_in_rates_empty_at'), 'sign_in_rates', ['empty_at'], unique=False)

    # What lists and searches read.
    op.drop_index('ix_accounts_email_folded', table_name='accounts')
    op.drop_index('ix_accounts_org_id', table_name='accounts')
    op.create_index('ix_accounts_email', 'accounts', ['email_folded', 'id', 'number', 'closed_at'], unique=False)
    op.create_index('ix_accounts_organisation', 'accounts', ['org_id', 'id', 'email_folded', 'number', 'closed_at'], unique=False)
    op.drop_index('ix_messages_account_id', table_name='messages')
    op.create_index('ix_messages_account', 'messages', ['account_id', 'id', 'to_number'], unique=False)
    op.create_index('ix_messages_organisation', 'messages', ['org_id', 'id', 'to_number'], unique=False)
    badly = sa.text("state IN ('unknown', 'expired', 'failed')")
    op.create_index('ix_messages_ended_badly', 'messages', ['id'], unique=False, sqlite_where=badly, postgresql_where=badly)
    op.create_index('ix_messages_ended_badly_organisation', 'messages', ['org_id', 'id', 'state'], unique=False, sqlite_where=badly, postgresql_where=badly)
    doubt = sa.text("state || '' = 'unknown'")
    op.create_index('ix_messages_unknown', 'messages', ['id'], unique=False, sqlite_where=doubt, postgresql_where=doubt)
    op.drop_index('ix_inbound_account_id', table_name='inbound')
    op.create_index('ix_inbound_account', 'inbound', ['account_id', 'id', 'from_number'], unique=False)
    op.create_index('ix_inbound_organisation', 'inbound', ['org_id', 'id', 'from_number'], unique=False)

    # Statistics.
    op.create_table('counted_hours',
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('counted_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('hour', name=op.f('pk_counted_hours'))
    )
    op.create_table('message_hours',
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('way', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('parts', sa.BigInteger(), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False),
    sa.Column('delays', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'hour', 'way', 'provider', 'state', 'currency', name=op.f('pk_message_hours')),
    sqlite_with_rowid=False
    )

    # --- how long what is kept
    op.add_column('organisations', sa.Column('texts_days', sa.Integer(), nullable=True))
    op.add_column('organisations', sa.Column('metadata_days', sa.Integer(), nullable=True))
    op.add_column('mails', sa.Column('text_removed_at', sa.Double(), nullable=True))
    op.add_column('messages', sa.Column('text_removed_at', sa.Double(), nullable=True))
    op.add_column('inbound', sa.Column('text_removed_at', sa.Double(), nullable=True))
    op.create_table('spent_identities',
    sa.Column('identity', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('identity', name=op.f('pk_spent_identities')),
    sqlite_with_rowid=False
    )

    # Webhooks that leave.
    op.create_table('webhook_calls',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('webhook_id', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('available_at', sa.Double(), nullable=False),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('tried_at', sa.Double(), nullable=True),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_calls')),
    sa.UniqueConstraint('webhook_id', 'event_id', name=op.f('uq_webhook_calls_webhook_id_event_id'))
    )
    op.create_index('ix_webhook_calls_due', 'webhook_calls', ['webhook_id', 'available_at', 'id'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
    op.create_index('ix_webhook_calls_latest', 'webhook_calls', ['webhook_id', 'id'], unique=False)
    op.create_table('webhooks',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('events', sa.Text(), nullable=False),
    sa.Column('secret', sa.Text(), nullable=False),
    sa.Column('old_secret', sa.Text(), server_default='', nullable=False),
    sa.Column('old_secret_until', sa.Double(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('state_reason', sa.Text(), server_default='', nullable=False),
    sa.Column('state_at', sa.Double(), nullable=False),
    sa.Column('failing_since', sa.Double(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_webhooks_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhooks'))
    )
    op.create_index(op.f('ix_webhooks_org_id'), 'webhooks', ['org_id'], unique=False)

    # The API: what calls with an Idempotency-Key were answered.
    op.create_table('api_answers',
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('request', sa.String(), nullable=False),
    sa.Column('claim', sa.String(), nullable=False),
    sa.Column('process', sa.String(), nullable=False),
    sa.Column('claimed_at', sa.Double(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('answer', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('key_id', 'name', name=op.f('pk_api_answers')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_api_answers_claimed_at'), 'api_answers', ['claimed_at'], unique=False)
