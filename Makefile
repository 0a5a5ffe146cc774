PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install serve test check format lint types templates

help:  ## Show what can be made.
	@grep -E '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "make %-12s %s\n", $$1, $$2}'

install: .venv/installed  ## Make .venv, with the versions that were tested.

.venv/installed: setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[postgresql,redis,testing,dev]'
	@touch $@

serve: install  ## Run the site on http://localhost:6543.
	$(BIN)/pserve development.ini --reload

test: install  ## Run the tests on SQLite, and on PostgreSQL where FLICKLIST_TEST_POSTGRESQL_URL is set.
	$(BIN)/pytest --numprocesses auto --quiet

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
