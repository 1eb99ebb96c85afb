"""`alembic -c INI upgrade heads`, then `pserve INI`, in one process.

    .venv/bin/python tools/serve.py development.ini

Both import the same libraries, which takes longer than all else they do: one process answers a
second sooner than two. `heads`, as a plug-in from elsewhere has a chain of migrations of its own.
Alembic's functions and not its command: that shows by itself what it does, which the INI file's logging does here.
"""

import logging
import sys
from types import TracebackType


def stop(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Say in a word that somebody pressed Ctrl-C before the site was there; show every other error as usual."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Stopped.\n")
    else:
        sys.__excepthook__(kind, error, traceback)


def tells_of_work(record: logging.LogRecord) -> bool:
    """Tell whether Alembic says what it does, not of what kind the database is: that comes twice at each start."""
    return not record.getMessage().startswith(("Context impl ", "Will assume "))


def main(ini: str) -> int:
    """Bring the database that the file `ini` names up to date and serve the site; returns the exit status."""
    # Here, as this is half of what a start takes, and Ctrl-C is pressed then, too.
    from alembic.command import upgrade  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415
    from pyramid.scripts.pserve import main as pserve  # noqa: PLC0415

    from flasky.ini import read_ini, set_up_logging  # noqa: PLC0415
    from flasky.startup import show_plainly  # noqa: PLC0415

    show_plainly()
    # Both commands below print a traceback for a file that is not there or cannot be read, and for its logging.
    set_up_logging(read_ini(ini).path)
    logging.getLogger("alembic.runtime.migration").addFilter(tells_of_work)
    try:
        upgrade(Config(ini), "heads")
    except CommandError as error:
        sys.exit(str(error))
    # Quiet, as the number of the process helps nobody here; the server says by itself where it is.
    return int(pserve(["pserve", "--quiet", ini]) or 0)


if __name__ == "__main__":
    sys.excepthook = stop
    sys.exit(main(sys.argv[1]))
