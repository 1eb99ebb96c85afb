"""What is installed: the metadata, the lock files and the packages that are shipped instead of copied."""

import ast
import hashlib
import re
import subprocess
import sys
from importlib.metadata import distribution, files, metadata, packages_distributions, requires, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt")
# Each of these is many packages under one name.
NAMESPACES = ("zope.", "repoze.")
SUPPORTED = ("3.11", "3.12", "3.13")

# One locked package: its name and version, perhaps a marker, then hashes.
LOCKED = re.compile(r"^(?P<requirement>[a-z0-9][^\\\n]*==[^\\\n]*?) *\\\n(?P<hashes>(?: +--hash=.*\n)+)", re.MULTILINE)


def locked(name: str) -> dict[str, Requirement]:
    """Return the packages that a lock file holds, by name."""
    text = (ROOT / name).read_text(encoding="utf-8")
    requirements = [Requirement(found["requirement"]) for found in LOCKED.finditer(text)]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def declared() -> list[tuple[str, Requirement]]:
    """Return what setup.py asks for as (extra or empty, requirement), as the installed metadata has it."""
    found = []
    for line in requires("flasky") or ():
        requirement = Requirement(line)
        extra = re.search(r"extra == ['\"](\w+)['\"]", str(requirement.marker or ""))
        found.append((extra[1] if extra else "", requirement))
    return found


def applies(requirement: Requirement, python: str) -> bool:
    """Tell whether a requirement counts on this version of Python, on Linux, whatever the extra."""
    environment = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux"}
    extras = re.findall(r"extra == ['\"](\w+)['\"]", str(requirement.marker or "")) or [""]
    return requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extras[0]})


def test_metadata_names_the_supported_pythons() -> None:
    """`pip install` on an old Python refuses before anything is built; 3.11, 3.12 and 3.13 are named."""
    about = metadata("flasky")
    assert about["Requires-Python"] == ">=3.11"
    named = {line.rpartition(" :: ")[2] for line in about.get_all("Classifier") if ":: Python :: 3." in line}
    assert named == set(SUPPORTED)


def test_extras_of_parity_row_3_exist() -> None:
    """`pip install -e ".[testing]"` brings the test runner and, for the second database, the driver."""
    assert {"testing", "postgresql"} <= set(metadata("flasky").get_all("Provides-Extra"))
    testing = {requirement.name for extra, requirement in declared() if extra == "testing"}
    assert {"pytest", "pytest-xdist", "webtest", "psycopg"} <= testing


def test_console_scripts_and_entry_points_are_registered() -> None:
    """The command, the application, the server, the shipped plug-ins and the test kit are found by name."""
    points = {(point.group, point.name) for point in distribution("flasky").entry_points}
    assert points >= {
        ("console_scripts", "flasky"),
        ("paste.app_factory", "main"),
        ("paste.server_factory", "main"),
        ("flasky.plugins", "main"),
        ("flasky.plugins", "accounts"),
        ("pytest11", "flasky"),
    }


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_exact_versions_with_hashes_and_names_no_host(name: str) -> None:
    """SUP-01: a lock is versions and sha256 hashes; where packages come from is the installer's own matter."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^ *--?(index-url|extra-index-url|find-links|trusted-host|[if]\b)", text, re.MULTILINE)
    rest = re.sub(r"^ *#.*\n", "", LOCKED.sub("", text), flags=re.MULTILINE)
    assert rest.strip() == "", "every line is a pinned version with its hashes, or a comment"
    for found in LOCKED.finditer(text):
        assert re.fullmatch(r"(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", found["hashes"]), found["requirement"]


@pytest.mark.parametrize("python", SUPPORTED)
@pytest.mark.parametrize("name", LOCKS)
def test_lock_fits_setup_py_on_every_supported_python(name: str, python: str) -> None:
    """What setup.py asks for is locked, in a version that fits: after a change there, `make lock`."""
    lock = locked(name)
    wanted = {"", "postgresql"} if name == "requirements.txt" else {"", "postgresql", "testing", "lint", "redis"}
    for extra, requirement in declared():
        if extra not in wanted or not applies(requirement, python):
            continue
        pin = lock.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is not in {name}: run `make lock`"
        assert applies(pin, python), f"{requirement.name} is not locked for Python {python}: run `make lock`"
        pinned = next(iter(pin.specifier)).version
        assert requirement.specifier.contains(pinned), f"{pin} does not fit {requirement}: run `make lock`"


def test_locks_agree() -> None:
    """What is tested is what is served: both lock files hold the same versions."""
    development = locked("requirements-dev.txt")
    for name, requirement in locked("requirements.txt").items():
        assert str(development[name].specifier) == str(requirement.specifier)


def test_cgi_comes_back_on_python_3_13_only() -> None:
    """WebOb and pyramid_mailer import cgi, which Python 3.13 dropped."""
    pin = locked("requirements.txt")["legacy-cgi"]
    assert [applies(pin, python) for python in SUPPORTED] == [False, False, True]


def test_setuptools_still_has_pkg_resources() -> None:
    """Pyramid 2.1 imports pkg_resources, which setuptools 82 removed."""
    pin = next(iter(locked("requirements.txt")["setuptools"].specifier)).version
    assert Version(pin) in SpecifierSet("<82")
    __import__("pkg_resources")


@pytest.mark.parametrize(
    ("file", "sha256"),
    [
        ("css/bootstrap.min.css", "d85327d99c7a3ee1f9b5d0500d1370acea3ad2db39c163c2f51f232baedbdede"),
        ("js/bootstrap.bundle.min.js", "e4fd49181388c48ec5040bd3fe66f57c29c8e67fcd8502b3354b96ec7ab47cc7"),
    ],
)
def test_bootstrap_is_the_release_of_its_authors(file: str, sha256: str) -> None:
    """The wheel holds Bootstrap 5.3.8's own files, byte for byte (docs/decisions/0001-bootstrap-package.md)."""
    assert version("bootstrap-wrapper").startswith("5.3.8")
    found = [path for path in files("bootstrap-wrapper") or () if path.as_posix().endswith(file)]
    assert [hashlib.sha256(path.read_binary()).hexdigest() for path in found] == [sha256]


def test_every_library_that_flasky_imports_is_declared() -> None:
    """What the code imports is in setup.py, not there by the grace of another package.

    The command line and the test kit may use what their extras bring.
    """
    names = {canonicalize_name(requirement.name) for _extra, requirement in declared()}
    distributions = packages_distributions()
    missing = set()
    for path in (ROOT / "flasky").rglob("*.py"):
        for module in imported(path):
            if module == "flasky" or module in sys.stdlib_module_names:
                continue
            providers = {canonicalize_name(name) for name in distributions.get(module.partition(".")[0], [module])}
            if module.startswith("zope."):  # one namespace, many packages
                providers &= {canonicalize_name(module)}
            if not providers & names:
                missing.add(f"{path.relative_to(ROOT)}: {module} ({', '.join(sorted(providers))})")
    assert not missing


def imported(path: Path) -> set[str]:
    """Return the top modules that a file imports; of a namespace, the part below it as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        for module in modules:
            parts = module.split(".")
            found.add(".".join(parts[:2]) if module.startswith(NAMESPACES) else parts[0])
    return found


def test_each_dependency_is_explained() -> None:
    """docs/decisions/dependencies.md says of each what for, who keeps it and what leaving it would take."""
    text = (ROOT / "docs" / "decisions" / "dependencies.md").read_text(encoding="utf-8")
    explained = {canonicalize_name(name) for name in re.findall(r"^\| `([\w.-]+)", text, re.MULTILINE)}
    names = {canonicalize_name(requirement.name) for _extra, requirement in declared()}
    assert explained == names


def test_built_package_holds_templates_catalogs_and_assets(tmp_path: Path) -> None:
    """A wheel built from this tree holds every file of flasky/ that the site reads, and no database."""
    # A copy: a build leaves folders behind, and other tests read the tree meanwhile.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    tree = tmp_path / "tree"
    kept = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    for name in kept:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    script = "import setuptools.build_meta as backend, sys; print(backend.build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=tree, check=True, capture_output=True, text=True
    ).stdout.split()[-1]
    names = set(wheel_names(tmp_path / built))
    expected = {name for name in kept if name.startswith("flasky/") and not name.endswith(".pot")}
    assert expected <= names, sorted(expected - names)
    assert not [name for name in names if name.startswith(("tests/", "tools/", "alembic/"))]


def wheel_names(path: Path) -> list[str]:
    """Return the names of the files in a wheel."""
    with ZipFile(path) as archive:
        return archive.namelist()
