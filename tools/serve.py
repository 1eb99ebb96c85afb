"""`alembic -c INI upgrade heads`, then `pserve INI`, in one process.

    .venv/bin/python tools/serve.py development.ini

Both import the same libraries, which takes longer than all else they do: one process answers a
second sooner than two. `heads`, as a plug-in from elsewhere has a chain of migrations of its own.
"""

import sys

from alembic.config import main as alembic
from pyramid.scripts.pserve import main as pserve

from flasky.ini import read_ini, set_up_logging
from flasky.startup import show_plainly

if __name__ == "__main__":
    ini = sys.argv[1]
    show_plainly()
    # Both commands below print a traceback for a file that is not there or cannot be read, and for its logging.
    set_up_logging(read_ini(ini).path)
    alembic(["-c", ini, "upgrade", "heads"], prog="alembic")
    sys.exit(pserve(["pserve", ini]))
