"""First schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database one step forward."""
    op.create_table('attempts',
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('started_at', sa.Double(), nullable=False),
    sa.Column('finished_at', sa.Double(), nullable=True),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('message_id', 'n', name=op.f('pk_attempts'))
    )
    op.create_table('inbound',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('from_number', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('incomplete', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('org_id', sa.String(), nullable=True),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('mail_id', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound')),
    sa.UniqueConstraint('provider', 'ref', name=op.f('uq_inbound_provider_ref'))
    )
    with op.batch_alter_table('inbound', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_inbound_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_inbound_state'), ['state'], unique=False)

    op.create_table('inbound_parts',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('from_number', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), nullable=False),
    sa.Column('part_ref', sa.String(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.Column('inbound_id', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('provider', 'ref', name=op.f('pk_inbound_parts'))
    )
    with op.batch_alter_table('inbound_parts', schema=None) as batch_op:
        batch_op.create_index('ix_inbound_parts_waiting', ['from_number', 'to_number', 'part_ref'], unique=False, sqlite_where=sa.text('inbound_id IS NULL'), postgresql_where=sa.text('inbound_id IS NULL'))

    op.create_table('mail_queue',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('return_path', sa.String(), nullable=False),
    sa.Column('recipient', sa.String(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('about', sa.String(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('available_at', sa.Double(), nullable=False),
    sa.Column('settled_at', sa.Double(), nullable=True),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('lease_until', sa.Double(), nullable=True),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_queue'))
    )
    with op.batch_alter_table('mail_queue', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mail_queue_about'), ['about'], unique=False)
        batch_op.create_index('ix_mail_queue_due', ['available_at'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
        batch_op.create_index('ix_mail_queue_leased', ['lease'], unique=False, sqlite_where=sa.text('lease IS NOT NULL'), postgresql_where=sa.text('lease IS NOT NULL'))

    op.create_table('mails',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.Column('decision', sa.String(), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('org_id', sa.String(), nullable=True),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('listener', sa.String(), nullable=False),
    sa.Column('peer_ip', sa.String(), nullable=False),
    sa.Column('helo', sa.String(), nullable=False),
    sa.Column('tls', sa.Boolean(), nullable=False),
    sa.Column('mail_from', sa.String(), nullable=False),
    sa.Column('header_from', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=True),
    sa.Column('proof', sa.String(), nullable=False),
    sa.Column('proof_detail', sa.Text(), server_default='', nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('subject', sa.Text(), server_default='', nullable=False),
    sa.Column('text', sa.Text(), server_default='', nullable=False),
    sa.Column('cut', sa.Text(), server_default='', nullable=False),
    sa.Column('attachments', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mails'))
    )
    with op.batch_alter_table('mails', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mails_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_mails_received_at'), ['received_at'], unique=False)

    op.create_table('messages',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('mail_id', sa.String(), nullable=True),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('from_number', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('encoding', sa.String(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('units', sa.Integer(), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('dedupe', sa.String(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('state_at', sa.Double(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('available_at', sa.Double(), nullable=False),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.Column('reason', sa.String(), server_default='', nullable=False),
    sa.Column('public_text', sa.Text(), server_default='', nullable=False),
    sa.Column('told_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messages')),
    sa.UniqueConstraint('dedupe', name=op.f('uq_messages_dedupe'))
    )
    with op.batch_alter_table('messages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_messages_account_id'), ['account_id'], unique=False)
        batch_op.create_index('ix_messages_due', ['priority', 'available_at'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
        batch_op.create_index('ix_messages_in_flight', ['lease'], unique=False, sqlite_where=sa.text("state = 'submitting'"), postgresql_where=sa.text("state = 'submitting'"))
        batch_op.create_index(batch_op.f('ix_messages_mail_id'), ['mail_id'], unique=False)
        batch_op.create_index('ix_messages_untold', ['state_at'], unique=False, sqlite_where=sa.text("state IN ('failed', 'expired', 'unknown') AND told_at IS NULL"), postgresql_where=sa.text("state IN ('failed', 'expired', 'unknown') AND told_at IS NULL"))

    op.create_table('organisations',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisations')),
    sa.UniqueConstraint('name', name=op.f('uq_organisations_name'))
    )
    op.create_table('processes',
    sa.Column('token', sa.String(), nullable=False),
    sa.Column('host', sa.String(), nullable=False),
    sa.Column('pid', sa.Integer(), nullable=False),
    sa.Column('alive_until', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_processes'))
    )
    op.create_table('provider_refs',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('part', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(), nullable=True),
    sa.Column('at', sa.Double(), nullable=True),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('provider', 'ref', 'to_number', name=op.f('pk_provider_refs'))
    )
    with op.batch_alter_table('provider_refs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_provider_refs_message_id'), ['message_id'], unique=False)

    op.create_table('reports',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('to_number', sa.String(), server_default='', nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.Column('cause', sa.Text(), server_default='', nullable=False),
    sa.Column('message_id', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports')),
    sa.UniqueConstraint('provider', 'ref', 'to_number', 'status', name=op.f('uq_reports_provider_ref_to_number_status'))
    )
    with op.batch_alter_table('reports', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reports_message_id'), ['message_id'], unique=False)

    op.create_table('revisions',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_revisions'))
    )
    op.create_table('thread_refs',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'message_id', 'phone', name=op.f('pk_thread_refs'))
    )
    with op.batch_alter_table('thread_refs', schema=None) as batch_op:
        batch_op.create_index('ix_thread_refs_latest', ['account_id', 'phone', 'at'], unique=False)

    op.create_table('api_keys',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('label', sa.String(), server_default='', nullable=False),
    sa.Column('domains', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('paused_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_api_keys_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys'))
    )
    with op.batch_alter_table('api_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_keys_org_id'), ['org_id'], unique=False)

    op.create_table('optouts',
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('since', sa.Double(), nullable=False),
    sa.Column('word', sa.String(), nullable=False),
    sa.Column('ended_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_optouts_org_id')),
    sa.PrimaryKeyConstraint('org_id', 'phone', name=op.f('pk_optouts'))
    )
    op.create_table('accounts',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('org_id', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('email_folded', sa.String(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('cut_signature', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('login_digest', sa.String(), nullable=True),
    sa.Column('opened_at', sa.Double(), nullable=False),
    sa.Column('closed_at', sa.Double(), nullable=True),
    sa.Column('mailbox_fault', sa.Text(), nullable=True),
    sa.Column('mailbox_fault_at', sa.Double(), nullable=True),
    sa.Column('sent_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('received_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('active_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['key_id'], ['api_keys.id'], name=op.f('fk_accounts_key_id')),
    sa.ForeignKeyConstraint(['org_id'], ['organisations.id'], name=op.f('fk_accounts_org_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts'))
    )
    with op.batch_alter_table('accounts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_accounts_email_folded'), ['email_folded'], unique=False)
        batch_op.create_index(batch_op.f('ix_accounts_number'), ['number'], unique=False)
        batch_op.create_index(batch_op.f('ix_accounts_org_id'), ['org_id'], unique=False)
        batch_op.create_index('uq_accounts_open_email', ['key_id', 'email_folded'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))

    op.create_table('key_secrets',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('retires_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['key_id'], ['api_keys.id'], name=op.f('fk_key_secrets_key_id')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_key_secrets'))
    )
    with op.batch_alter_table('key_secrets', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_key_secrets_key_id'), ['key_id'], unique=False)

    op.create_table('numbers',
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('taken_at', sa.Double(), nullable=False),
    sa.Column('free_after', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_numbers_account_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_numbers'))
    )
