"""What providers take and tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database one step forward."""
    op.add_column('messages', sa.Column('billed_parts', sa.Integer(), nullable=True))
    op.add_column('messages', sa.Column('price', sa.BigInteger(), nullable=True))
    op.add_column('messages', sa.Column('currency', sa.String(), nullable=True))
    for table in ('provider_refs', 'reports'):
        op.add_column(table, sa.Column('reason', sa.String(), server_default='', nullable=False))
        op.add_column(table, sa.Column('price', sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column('currency', sa.String(), nullable=True))
    submitted = sa.text("state = 'submitted'")
    op.create_index('ix_messages_submitted', 'messages', ['provider', 'state_at'], unique=False, sqlite_where=submitted, postgresql_where=submitted)
    op.add_column('mails', sa.Column('receipt_at', sa.Double(), nullable=True))
    owed = sa.text('receipt_at IS NOT NULL')
    op.create_index('ix_mails_receipt_at', 'mails', ['receipt_at'], unique=False, sqlite_where=owed, postgresql_where=owed)
    op.add_column('messages', sa.Column('sender', sa.String(), server_default='', nullable=False))
    op.add_column('messages', sa.Column('refused_by', sa.String(), server_default='', nullable=False))
    op.add_column('messages', sa.Column('bound', sa.Boolean(), server_default=sa.text('false'), nullable=False))

    op.add_column('inbound', sa.Column('late', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index(
        'ix_inbound_parts_gone_on',
        'inbound_parts',
        ['from_number', 'to_number', 'part_ref'],
        unique=False,
        sqlite_where=sa.text('inbound_id IS NOT NULL'),
        postgresql_where=sa.text('inbound_id IS NOT NULL'),
    )
    op.create_table('claims',
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('since', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_claims_account_id')),
    sa.PrimaryKeyConstraint('number', 'phone', name=op.f('pk_claims')),
    sqlite_with_rowid=False
    )
    op.create_table('organisation_numbers',
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('since', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(
        ['org_id'], ['organisations.id'], name=op.f('fk_organisation_numbers_org_id')
    ),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_organisation_numbers'))
    )
    op.create_index(op.f('ix_organisation_numbers_org_id'), 'organisation_numbers', ['org_id'], unique=False)
    op.create_table('keywords',
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('word', sa.String(), nullable=False),
    sa.Column('written', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('reply', sa.Text(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(
        ['number'], ['organisation_numbers.number'], name=op.f('fk_keywords_number')
    ),
    sa.PrimaryKeyConstraint('number', 'word', name=op.f('pk_keywords')),
    sqlite_with_rowid=False
    )
    op.create_table('automatic_replies',
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('about', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('phone', 'about', name=op.f('pk_automatic_replies')),
    sqlite_with_rowid=False
    )
    op.add_column('provider_refs', sa.Column('total', sa.Integer(), nullable=True))
    refusing = sa.text('mailbox_fault IS NOT NULL AND closed_at IS NULL')
    op.create_index('ix_accounts_refusing', 'accounts', ['id'], unique=False, sqlite_where=refusing, postgresql_where=refusing)
    lost = sa.text("state = 'failed' AND kind = 'operator'")
    op.create_index('ix_mail_queue_operator_failed', 'mail_queue', ['settled_at'], unique=False, sqlite_where=lost, postgresql_where=lost)
