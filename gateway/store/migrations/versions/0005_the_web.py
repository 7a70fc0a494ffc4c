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
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_sessions_account_id')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_sessions_person_id')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sessions')),
    sa.UniqueConstraint('id', name=op.f('uq_sessions_id'))
    )
    op.create_index(op.f('ix_sessions_account_id'), 'sessions', ['account_id'], unique=False)
    op.create_index(op.f('ix_sessions_person_id'), 'sessions', ['person_id'], unique=False)

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
    doubt = sa.text("'unknown' = state")
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
