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
