"""What was spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database one step forward."""
    op.create_table('spend',
    sa.Column('purse', sa.String(), nullable=False),
    sa.Column('day', sa.Integer(), nullable=False),
    sa.Column('parts', sa.BigInteger(), nullable=False),
    sa.Column('cost', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('purse', 'day', name=op.f('pk_spend')),
    sqlite_with_rowid=False
    )
