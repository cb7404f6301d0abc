"""Run by alembic for every migration; the connection is given by `storage.migration`."""

from __future__ import annotations

from alembic import context

from storage.tables.everything import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
