# The commands of this project. `make` alone lists them.
#
# PYTHON=python3.12 make serve    chooses the Python that .venv is made with
# INI=production.ini make serve   serves another configuration
# TESTS=tests/test_setup.py make test   runs a part of the suite (coverage is then not measured)

INI ?= development.ini
TESTS ?=
BIN := .venv/bin

# Makes or refreshes .venv from a lock file; says nothing and takes a blink when nothing changed.
INSTALL = python=$$(tools/find-python) && "$$python" tools/environment.py

LOCK = $(BIN)/uv pip compile setup.py --no-config --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Side by side, pytest's processes say nothing of a name that is not there.
SOME_TESTS = $(BIN)/pytest $(TESTS) || { status=$$?; \
	[ $$status -ne 5 ] || echo "No test was found: is there a slip in TESTS=$$TESTS?" >&2; exit $$status; }

export PYTHON

# Where it is set, every process would compile Flasky again, and the tests start hundreds of them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve test test-all lint format bench bench-all messages lock upgrade runtime dev clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

serve: runtime ## serve the site on http://localhost:6543/ (installs what is needed, applies the migrations)
	@exec $(BIN)/python tools/serve.py '$(INI)'

test: dev ## run the whole test suite, with branch coverage
	@$(if $(TESTS),$(SOME_TESTS),tools/test)

test-all: ## run the suite on every other supported Python found here (a part of it), then `make test`
	@tools/test-others
	@$(MAKE) --no-print-directory test

lint: dev ## check code, types, templates and translations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/djlint flasky --lint --quiet
	@$(BIN)/python tools/messages.py --check

format: dev ## put the code into its one format, and correct what ruff can correct
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: dev ## measure pages, start and writers, beside bare WSGI, bare Pyramid and other frameworks, on SQLite
	@exec $(BIN)/python -m benchmarks

bench-all: dev ## every figure of docs/performance.md, on both databases, with a million posts (takes hours)
	@exec $(BIN)/python -m benchmarks everything

messages: dev ## extract the texts into the .po files and compile the .mo files
	@$(BIN)/python tools/messages.py

lock: dev ## write requirements*.txt from setup.py, keeping the locked versions where they still fit
	@$(LOCK) --extra postgresql --output-file requirements.txt
	@$(LOCK) --all-extras --constraints requirements.txt --output-file requirements-dev.txt

upgrade: dev ## write requirements*.txt from setup.py with the newest versions
	@$(LOCK) --upgrade --extra postgresql --output-file requirements.txt
	@$(LOCK) --upgrade --all-extras --constraints requirements.txt --output-file requirements-dev.txt

clean: ## remove the virtual environments and what the tools left behind (never a database)
	@rm -rf .venv .venv-* build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache *.egg-info

runtime:
	@$(INSTALL) requirements.txt

dev:
	@$(INSTALL) requirements-dev.txt
