"""Alembic's environment. All of it is in flasky.migrations.environment, where it is typed and tested."""

from flasky.migrations.environment import run

run()
