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
    op.add_column('provider_refs', sa.Column('total', sa.Integer(), nullable=True))
