"""Campaigns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database one step forward."""
    # --- campaigns
    op.create_table('campaign_recipients',
    sa.Column('campaign_id', sa.String(), nullable=False),
    sa.Column('contact_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), server_default='', nullable=False),
    sa.Column('variant', sa.String(), server_default='', nullable=False),
    sa.Column('message_id', sa.String(), nullable=True),
    sa.Column('at', sa.Double(), nullable=False),
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
    sa.Column('audience', sa.Text(), nullable=False),
    sa.Column('launch', sa.String(), nullable=False),
    sa.Column('start_at', sa.Double(), nullable=True),
    sa.Column('send_window', sa.String(), server_default='', nullable=False),
    sa.Column('zone', sa.String(), server_default='UTC', nullable=False),
    sa.Column('smart', sa.Boolean(), server_default=sa.text('true'), nullable=False),
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
