PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help install serve test test-browser test-faults check format lint types templates

help:  ## Show what can be made.
	@grep -E '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "make %-12s %s\n", $$1, $$2}'

install: $(VENV)/installed  ## Make .venv, with the versions that were tested.

$(VENV)/installed: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[postgresql,redis,testing,browser,dev]'
	@touch $@

serve: install  ## Run the site on http://localhost:6543.
	$(BIN)/pserve development.ini --reload

test: install  ## Run the tests on SQLite, and on PostgreSQL where FLICKLIST_TEST_POSTGRESQL_URL is set.
	$(BIN)/pytest --numprocesses auto --quiet

test-browser: install tests/browser/node_modules  ## Run the tests in a real browser: Chromium, nginx before the site, Java for the checker of HTML.
	@command -v chromium >/dev/null || { echo "Install Chromium first. On Debian: apt-get install chromium"; exit 1; }
	@command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || { echo "Install nginx first. On Debian: apt-get install nginx-light"; exit 1; }
	@command -v java >/dev/null || { echo "Install Java first. On Debian: apt-get install default-jre-headless"; exit 1; }
	$(BIN)/pytest --quiet tests/browser

test-faults: install  ## Kill the server, fill its disk, restart its database, move its clock. Wants root, for the disks.
	$(BIN)/pytest --quiet -r s tests/faults

tests/browser/node_modules: tests/browser/package-lock.json
	npm ci --prefix tests/browser --no-audit --no-fund
	@touch $@

check: install lint types templates test  ## Format, lint, types, templates and tests: all that must pass.

format: install  ## Format the code.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: install
	$(BIN)/mypy

templates: install
	$(BIN)/djlint --lint --quiet flicklist/templates
