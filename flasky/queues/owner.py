"""Who holds a row of a queue, and whether that process still lives.

A worker that was killed leaves its row claimed until the lease runs out. On the machine where it ran the wait
is not needed: the process table says that it is gone. A name therefore says which boot of which machine (and which
container), which process, and when that process started, so that a reused process id is not taken for it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

_PROC = Path("/proc")
#: The position of the start time in /proc/PID/stat, counted behind the command's name (proc_pid_stat(5), field 22).
_START_TIME = 19


def new_owner() -> str:
    """A name for a worker of this process, different each time."""
    return f"{_place()}:{os.getpid()}:{_start_time(os.getpid())}:{secrets.token_hex(4)}"


def is_gone(owner: str) -> bool:
    """Whether the process behind `owner` has ended; False when that cannot be known from here."""
    place, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    started, _, _ = rest.partition(":")
    if not place or place != _place() or not pid.isdigit() or not started:
        return False
    return _start_time(int(pid)) != started


def _place() -> str:
    """This boot of this machine and this container; empty where there is no /proc to ask."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:16]


def _start_time(pid: int) -> str:
    """When the process started, in ticks of the clock; empty if there is none."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    # A zombie has ended; it only waits for its parent to notice.
    return "" if fields[0] in {"Z", "X"} else fields[_START_TIME]
