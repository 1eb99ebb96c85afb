"""Lets every command of Alembic see the migrations of every enabled plug-in.

Alembic reads the folders of revisions from `version_locations` in the INI file, and `heads`, `branches`, `show` and
`history` never run ``env.py``, so nothing in Alembic lets a program name folders for all of its commands. This
module is registered under the documented entry-point group ``alembic.plugins``, which Alembic loads with itself, and
adds the folders where Alembic makes its script directory, and only for an INI file that describes a Flasky site.
docs/decisions/0040-plugin-migrations.md has what else was tried.

Nothing of Flasky is imported before a command asks for the folders: Alembic itself is still being imported here.
"""

from __future__ import annotations

from typing import Any


def setup(_plugin: Any) -> None:
    """Called once by Alembic when it is imported."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see the module's text

    original = ScriptDirectory.from_config

    def from_config(config: Any) -> ScriptDirectory:
        from flasky.migrations.locations import add_locations, check_scripts  # noqa: PLC0415 - see the module's text

        check_scripts(config)
        script = original(config)
        add_locations(script, config)
        return script

    ScriptDirectory.from_config = staticmethod(from_config)  # type: ignore[method-assign]
