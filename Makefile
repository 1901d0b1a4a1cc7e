# The words a newcomer needs. `make quickstart` is the place to start.

PYTHON_BIN := .venv/bin
SOURCES_OF_INSTALL := pyproject.toml constraints.txt dev/install.sh

.PHONY: help quickstart test check bench docs

help:  ## list these words
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

quickstart: .venv/installed  ## install, then turn this Python's documentation into a small assistant that answers
	$(PYTHON_BIN)/handspun make quickstart

test: .venv/installed-test  ## install with the test tools, then run the tests
	$(PYTHON_BIN)/python -m pytest

check: .venv/installed-test  ## lint, formatting, types, and the order of the floors
	$(PYTHON_BIN)/ruff check
	$(PYTHON_BIN)/ruff format --check
	$(PYTHON_BIN)/pyright
	$(PYTHON_BIN)/lint-imports

bench: .venv/installed-test  ## run every benchmark; each appends a line to benchmarks/history.jsonl
	for script in benchmarks/*.py; do $(PYTHON_BIN)/python $$script || exit 1; done

docs: .venv/installed-test  ## write docs/reference from the program
	$(PYTHON_BIN)/python dev/write_reference.py

.venv/installed: $(SOURCES_OF_INSTALL)
	dev/install.sh

.venv/installed-test: $(SOURCES_OF_INSTALL)
	dev/install.sh test
