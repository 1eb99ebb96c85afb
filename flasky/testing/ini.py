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

# As the INI files that ship: what happens can be found with `flasky log ID`.
[loggers]
keys = root, waitress_queue

[handlers]
keys = console, file

[formatters]
keys = readable, json

[logger_root]
level = INFO
handlers = console, file

[logger_waitress_queue]
level = ERROR
handlers =
qualname = waitress.queue

[handler_console]
class = flasky.logs.Console
args = ()
formatter = readable

[handler_file]
class = flasky.logs.LogFile
args = ("%(here)s/logs/{name}.log",)
formatter = json

[formatter_readable]
class = flasky.logs.ReadableFormatter

[formatter_json]
class = flasky.logs.JSONFormatter
"""


def write_ini(path: Path, settings: Mapping[str, Any], port: int = 6543) -> Path:
    """Write an INI file with `settings` in its [app:main] to `path`, and return it. A % is doubled."""
    lines = "\n".join(f"{name} = {_text(value)}" for name, value in settings.items())
    text = _TEMPLATE.format(settings=lines, port=port, scripts=scripts_folder(), name=path.stem)
    path.write_text(text, encoding="utf-8")
    return path


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value).replace("%", "%%")
