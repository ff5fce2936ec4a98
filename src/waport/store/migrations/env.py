"""Alembic's entry: runs the migrations on the connection that it is given."""

from alembic import context

# Alembic loads this file by its path, so it belongs to no package.
from waport.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # All steps and the note of the version reached are one transaction, on SQLite too.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
