"""Compiled templates, kept between processes: parsing all of them at every start would double its time.

Jinja keeps them in a folder of the user's own below the system's temporary folder and takes one only for the very
source that it was compiled from. What else decides about the code (the options of the environment, the filters
that there are, the versions of Flasky and Jinja) is in the files' names, so that no environment takes another's.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
from pathlib import Path
from typing import BinaryIO

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket, bc_magic

from flasky.versions import version_of


def keep_compiled(environment: Environment) -> None:
    """Let `environment`, complete with its filters, keep its compiled templates; without a safe folder it does not."""
    environment.bytecode_cache = _cache(environment)


def _cache(environment: Environment) -> BytecodeCache | None:
    try:
        return FileSystemBytecodeCache(pattern=f"__flasky_{_fingerprint(environment)}_%s.cache")
    except (OSError, RuntimeError):
        # Jinja refuses a folder that somebody else could write to: code would be taken from it.
        return None


def _fingerprint(environment: Environment) -> str:
    options = (
        version_of("flasky"),
        version_of("jinja2"),
        # It is code of this site's own, which may change without a new version. (`getsource` would parse the file.)
        Path(inspect.getfile(environment.code_generator_class)).read_bytes(),
        environment.autoescape,
        environment.trim_blocks,
        environment.lstrip_blocks,
        environment.keep_trailing_newline,
        environment.undefined.__name__,
        sorted(environment.extensions),
        sorted(environment.filters),
        sorted(environment.tests),
        sorted((name, repr(value)) for name, value in environment.policies.items() if isinstance(value, str | bool)),
    )
    return hashlib.sha256(repr(options).encode()).hexdigest()[:16]


class _Head(Bucket):
    """The beginning of what is kept of a template: it says of which source the code is. The code is not read."""

    kept = False

    def load_bytecode(self, f: BinaryIO) -> None:
        """Compare the beginning of the file `f` with that of one of this source."""
        head = bc_magic + pickle.dumps(self.checksum, 2)
        self.kept = f.read(len(head)) == head


def is_kept(environment: Environment, name: str, file: str | None, source: str) -> bool:
    """Whether there is kept code of the template `name` in `file`; if not it has to be compiled, see `keep`."""
    cache = environment.bytecode_cache
    if cache is None:
        return False
    head = _Head(environment, cache.get_cache_key(name, file), cache.get_source_checksum(source))
    cache.load_bytecode(head)
    return head.kept


def keep(environment: Environment, name: str, file: str, source: str) -> None:
    """Compile a template that is known to be right, and keep its code."""
    cache = environment.bytecode_cache
    if cache is not None:
        bucket = cache.get_bucket(environment, name, file, source)
        bucket.code = environment.compile(source, name, file)
        cache.set_bucket(bucket)
