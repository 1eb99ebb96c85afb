"""`tools/serve.py`: what a person sees who ends it before the site is there."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_ctrl_c_before_the_site_is_there_is_a_word(tmp_path: Path) -> None:
    """Half of a start is reading libraries: no screen full of where in them it was."""
    slow = tmp_path / "alembic"
    slow.mkdir()
    # Whoever runs the tests in the background of a shell has the signal ignored, and Python leaves it so.
    (slow / "__init__.py").write_text(
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    stopped = subprocess.run(
        [sys.executable, "tools/serve.py", "development.ini"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert stopped.stderr == "Stopped.\n"
    assert stopped.returncode == -signal.SIGINT
