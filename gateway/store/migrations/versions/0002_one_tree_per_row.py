"""Rows that are only ever found by their keys live in the key's own tree; due messages are found by provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database one step forward."""
    op.drop_index('ix_mails_received_at', 'mails')
    op.drop_index('ix_mails_account_id', 'mails')
    op.drop_index('ix_reports_message_id', 'reports')
    op.drop_index('ix_messages_due', 'messages')
    op.create_index(
        'ix_messages_due', 'messages', ['provider', 'priority', 'available_at', 'id'],
        sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"),
    )
    # What was held by a process that had not begun it is simply queued.
    op.execute("UPDATE messages SET lease = NULL WHERE state = 'queued'")
    if op.get_bind().dialect.name == 'postgresql':
        op.drop_constraint('uq_reports_provider_ref_to_number_status', 'reports')
        op.drop_column('reports', 'id')
        op.create_primary_key('pk_reports', 'reports', ['provider', 'ref', 'to_number', 'status'])
        return
    op.drop_index('ix_provider_refs_message_id', 'provider_refs')
    op.drop_index('ix_thread_refs_latest', 'thread_refs')
    _move('attempts', _ATTEMPTS, 'message_id', 'n')
    _move('provider_refs', _PROVIDER_REFS, 'provider', 'ref', 'to_number')
    _move('reports', _REPORTS, 'provider', 'ref', 'to_number', 'status')
    _move('thread_refs', _THREAD_REFS, 'account_id', 'message_id', 'phone')
    op.create_index('ix_provider_refs_message_id', 'provider_refs', ['message_id'])
    op.create_index('ix_thread_refs_latest', 'thread_refs', ['account_id', 'phone', 'at'])


def _move(table: str, columns: tuple[sa.Column, ...], *key: str) -> None:
    """Make a table anew without a row id, and move its rows over."""
    old = f'{table}_before_0002'
    op.rename_table(table, old)
    primary = sa.PrimaryKeyConstraint(*key, name=op.f(f'pk_{table}'))
    op.create_table(table, *columns, primary, sqlite_with_rowid=False)
    names = ', '.join(f'"{column.name}"' for column in columns)
    op.execute(f'INSERT INTO {table} ({names}) SELECT {names} FROM {old}')
    op.drop_table(old)


_ATTEMPTS = (
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('started_at', sa.Double(), nullable=False),
    sa.Column('finished_at', sa.Double(), nullable=True),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
)
_PROVIDER_REFS = (
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('part', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(), nullable=True),
    sa.Column('at', sa.Double(), nullable=True),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
)
_REPORTS = (
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), server_default='', nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.Column('message_id', sa.String(), nullable=True),
)
_THREAD_REFS = (
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
)
