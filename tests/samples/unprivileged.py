"""Leave to root only what file permissions leave to everybody: tests of read-only files run as root in CI."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

_VERSION_3 = 0x20080522
#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, the rights to pass over permissions (linux/capability.h).
_OVERRIDE = 1 << 1 | 1 << 2


@contextlib.contextmanager
def permissions_count() -> Iterator[None]:
    """Within the block this thread may open what the file's permissions say, also as root (Linux)."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    rights = (ctypes.c_uint32 * 6)()
    _call(libc.capget, header, rights)
    before = rights[0]
    rights[0] = before & ~_OVERRIDE
    _call(libc.capset, header, rights)
    try:
        yield
    finally:
        rights[0] = before
        _call(libc.capset, header, rights)


def _call(function: ctypes._CFuncPtr, header: ctypes.Array, rights: ctypes.Array) -> None:
    if function(header, rights) != 0:
        raise OSError(ctypes.get_errno(), "the rights of this thread cannot be changed")
