"""INI files for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flasky.migrations.scripts import scripts_folder

REPOSITORY = Path(__file__).resolve().parents[2]

_TEMPLATE = """\
[app:main]
use = egg:flasky
{settings}

[server:main]
use = egg:flasky
host = 127.0.0.1
port = {port}

[pshell]
setup = flasky.shell.setup

[alembic]
script_location = {scripts}
path_separator = space

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(asctime)s %(levelname)-5.5s [%(name)s] %(message)s
"""


def write_ini(path: Path, settings: Mapping[str, Any], port: int = 6543) -> Path:
    """Write an INI file with `settings` in its [app:main] to `path`, and return it. A % is doubled."""
    lines = "\n".join(f"{name} = {_text(value)}" for name, value in settings.items())
    path.write_text(_TEMPLATE.format(settings=lines, port=port, scripts=scripts_folder()), encoding="utf-8")
    return path


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value).replace("%", "%%")
