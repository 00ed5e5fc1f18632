"""Run by alembic for every migration, on the connection and inside the transaction it is handed."""

from alembic import context

from hub.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
