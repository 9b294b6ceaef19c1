# `make` alone lists what there is. Everything is installed under .venv, and only when what it
# was installed from has changed.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile --require-hashes
# fsync off: the tests' data need not outlive a power cut.
POSTGRES := $(BIN)/python -m tests.postgres --fast --
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Python keeps what it compiles: without that, each start would take two seconds more.
unexport PYTHONDONTWRITEBYTECODE
# The environment is ours alone, whatever else is active.
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help run test test-sqlite test-postgresql test-server lint types check audit lock secrets messages benchmark reliability install clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

run: .venv/.runtime ## serve on http://127.0.0.1:8000 (HOST, PORT, DATABASE_URL change where)
	@exec $(BIN)/python -m attrition_site.run --with-parent

test: ## run every test on SQLite, then those that a database has a say in on PostgreSQL (ARGS="tests/engine -k word")
	@failed=; \
	for database in sqlite postgresql; do \
		$(MAKE) --no-print-directory test-$$database || failed="$$failed $$database"; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed on:$$failed"; exit 1; fi

test-sqlite: .venv/.dev .venv/.browser
	@echo "Tests on SQLite"
	@DATABASE_URL="sqlite:///$(CURDIR)/var/attrition.sqlite3" $(PYTEST) $(ARGS)

test-postgresql: .venv/.dev .venv/.browser
	@echo "Tests on PostgreSQL 18"
	@$(POSTGRES) $(PYTEST) $(ARGS)

# What the version of a server could change, on the one that DATABASE_URL names.
test-server: .venv/.dev
	@test -n "$$DATABASE_URL" || { echo "Name a PostgreSQL server by DATABASE_URL."; exit 1; }
	@PATH="$$($(BIN)/python -c 'from tests import postgres; print(postgres.programs())'):$$PATH" \
		$(PYTEST) $(or $(ARGS),tests/database tests/batches/test_chunks.py \
		tests/batches/test_workers.py tests/test_bulk.py tests/audit/test_append_only.py)

check: lint types ## lint, check the types, and look for a forgotten migration
	@$(BIN)/python manage.py makemigrations --check --dry-run

lint: .venv/.dev ## check the style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/shellcheck .ci/run deploy/*.sh
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	@$(BIN)/hadolint Dockerfile deploy/space/Dockerfile
	@$(BIN)/zizmor --quiet --no-progress --offline .github/workflows

types: .venv/.dev ## check the types
	@$(BIN)/mypy

audit: .venv/.dev ## ask whether a locked package has a known vulnerability; needs the network
	@$(BIN)/python -m tests.dependency_audit

lock: .venv/.dev ## write requirements*.txt anew from requirements*.in (ARGS=--upgrade for newer ones)
	@for name in requirements requirements-demo requirements-dev; do \
		$(COMPILE) $(ARGS) $$name.in --output-file $$name.txt || exit 1; \
	done

secrets: ## fill the secrets that .env still lacks
	@$(PYTHON) -m attrition_site.secrets

messages: .venv/.runtime ## collect and compile the words to translate
	@command -v msgfmt >/dev/null || { echo "GNU gettext is needed: install your system's gettext."; exit 1; }
	@$(BIN)/python manage.py makemessages --locale fr --no-wrap --add-location file \
		--ignore .venv --ignore var --ignore tests
	@$(BIN)/python manage.py compilemessages --ignore .venv

benchmark: .venv/.dev ## measure speed and memory, on PostgreSQL (ARGS go to it)
	@$(BIN)/python -m benchmarks $(ARGS)

reliability: .venv/.dev ## break it on purpose, for minutes: the table of docs/reliability.md (ARGS go to pytest)
	@$(BIN)/python -m pytest tests/reliability --long $(ARGS)

install: .venv/.dev .venv/.browser ## install all that development needs, and run nothing

clean: ## remove what was installed and cached; the data in var/ stay
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------ what was installed, and when

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || { \
		echo "Python 3.11 to 3.14 is needed; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo "not found")."; \
		echo "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: on Debian and Ubuntu, install python3-venv."; exit 1; }
	@echo "Making the virtual environment…"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.runtime: .venv/.made requirements.txt requirements-demo.txt
	@echo "Installing the requirements: the first time, about 100 MB…"
	@$(PIP) -r requirements.txt -r requirements-demo.txt
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Installing what the tests need…"
	@$(PIP) -r requirements.txt -r requirements-dev.txt
	@touch $@

.venv/.browser: .venv/.dev
	@$(BIN)/python -m tests.browser
	@touch $@
