PYTHON ?= python3
VENV ?= .venv
PORT ?= 6543
BIN := $(VENV)/bin

# pip accepts hashes for packages only, so the project itself is installed in a second step. That one downloads nothing.
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check
INSTALL_LOCKED := $(PIP_INSTALL) --require-hashes --requirement
INSTALL_PROJECT := $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
# Show pip's progress, and its warnings only if it fails.
ERRORS_ONLY := 2>$(VENV)/pip-errors.txt || { cat $(VENV)/pip-errors.txt >&2; exit 1; }

COMPARE := benchmarks/compare

# The installation builds the catalog of films from these.
CATALOG_SOURCES := flicklist/data/films.csv.gz $(addprefix flicklist/,services/catalog.py film_facts.py search_words.py text.py)

.PHONY: help install constraints serve demo icons test test-browser test-faults compare check format lint types templates

help:  ## Show this help.
	@grep -E '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "make %-12s %s\n", $$1, $$2}'

install: $(VENV)/site-installed  ## Install the site into .venv, in the tested versions.

$(VENV)/site-installed: setup.py constraints.txt $(CATALOG_SOURCES)
	@echo "Installing the site into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL_LOCKED) constraints.txt $(ERRORS_ONLY)
	@$(INSTALL_PROJECT) $(ERRORS_ONLY)
	@touch $@

$(VENV)/tools-installed: constraints-development.txt $(VENV)/site-installed
	@echo "Installing the tools for tests and code into $(VENV)"
	@$(INSTALL_LOCKED) constraints-development.txt $(ERRORS_ONLY)
	@touch $@

# uv looks up the hashes of all files of a version, for every platform and Python.
COMPILE = .venv-constraints/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make constraints" $(UPGRADE)

constraints: .venv-constraints  ## Update the files with versions and hashes to setup.py; UPGRADE=--upgrade takes newer versions.
	$(COMPILE) setup.py --extra postgresql --extra redis --extra processes --output-file constraints.txt
	$(COMPILE) setup.py --all-extras --constraint constraints.txt --output-file constraints-development.txt
	$(COMPILE) $(COMPARE)/requirements.in --constraint constraints.txt --output-file $(COMPARE)/requirements.txt

.venv-constraints:
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check uv

serve demo: export FLICKLIST_PUBLIC_URL ?= http://localhost:$(PORT)

serve: install  ## Run the site on http://localhost:6543; PORT=7000 sets another port.
	@echo "Starting FlickList on http://localhost:$(PORT) (press Ctrl-C to stop)"
	@$(BIN)/flicklist serve development.ini port=$(PORT) --reload

demo: install  ## Create the account demo@example.com with movies, or reset its password.
	@$(BIN)/flicklist demo development.ini

icons: $(VENV)/tools-installed  ## Draw the PNG icons from the SVG icons. Needs Chromium.
	$(BIN)/python tests/browser/draw_icons.py

test: $(VENV)/tools-installed  ## Run the tests on SQLite, and on PostgreSQL if FLICKLIST_TEST_POSTGRESQL_URL is set.
	$(BIN)/pytest --numprocesses auto --quiet $(TEST_OPTIONS)

test-browser: $(VENV)/tools-installed tests/browser/node_modules  ## Run the browser tests. They need Chromium, nginx, and Java for the HTML checker.
	@command -v chromium >/dev/null || { echo "Install Chromium first. On Debian: apt-get install chromium"; exit 1; }
	@command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || { echo "Install nginx first. On Debian: apt-get install nginx-light"; exit 1; }
	@command -v java >/dev/null || { echo "Install Java first. On Debian: apt-get install default-jre-headless"; exit 1; }
	$(BIN)/pytest --numprocesses auto --dist loadfile --quiet tests/browser

test-faults: $(VENV)/tools-installed  ## Run the fault tests: kill the server, fill its disk, restart its database, move its clock. Disks need root.
	$(BIN)/pytest --quiet -r s tests/faults

# The comparison has an environment of its own, because a site needs neither Flask nor Django.
$(COMPARE)/.venv/installed: setup.py constraints.txt $(COMPARE)/requirements.txt $(CATALOG_SOURCES)
	@echo "Installing the compared frameworks into $(COMPARE)/.venv"
	@$(PYTHON) -m venv $(COMPARE)/.venv
	@$(MAKE) --no-print-directory install VENV=$(COMPARE)/.venv
	@$(COMPARE)/.venv/bin/pip install --disable-pip-version-check --quiet --require-hashes --requirement $(COMPARE)/requirements.txt
	@touch $@

compare: $(COMPARE)/.venv/installed  ## Compare FlickList with Flask, Django and Pyramid; see benchmarks/compare. Needs wrk.
	@$(COMPARE)/.venv/bin/python $(COMPARE)/compare.py $(if $(POSTGRESQL),--postgresql $(POSTGRESQL)) $(OPTIONS)

tests/browser/node_modules: tests/browser/package-lock.json
	npm ci --prefix tests/browser --no-audit --no-fund
	@touch $@

check: lint types templates test  ## Check format, lint, types and templates, and run the tests.

format: $(VENV)/tools-installed  ## Format the code.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(VENV)/tools-installed
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(VENV)/tools-installed
	$(BIN)/mypy

templates: $(VENV)/tools-installed
	$(BIN)/djlint --lint --quiet flicklist/templates
