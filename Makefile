# The words of this repository; needs make and Python 3.11 or later with venv, nothing else.
#   make demo            real systems synchronised before your eyes (ARGS=--once ends afterwards)
#   make test            lint, types, arrows and every test
#   make check           lint, types and arrows only
#   make setup           the environment for working on it
#   make sim bench kills the long suites; ARGS passes options

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Test files are spread over the cores; one file stays in one process, as its servers do.
TESTS  ?= -n auto --dist loadfile
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types arrows bench sim kills clean

help:
	@sed -n 's/^#   //p' Makefile

# --- environment: stamps make a second call quick ---------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; name it with: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python has no venv here; on Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing contact-hub"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "installing contact-hub and what its tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

setup: $(VENV)/.installed-dev
	@echo "ready: $(BIN)/hub --help"

# --- using it ---------------------------------------------------------------------------------------

demo: $(VENV)/.installed
	@$(BIN)/python -m demo $(ARGS)

# --- checking it ------------------------------------------------------------------------------------

test: check
	$(BIN)/python -m pytest $(TESTS) $(ARGS)

check: lint types arrows

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy --strict hub

arrows: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/test_arrows.py

# --- long suites ------------------------------------------------------------------------------------

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m bench $(ARGS)

sim: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.simulation --seeds 20000 --first 0 $(ARGS)

kills: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.kills $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist *.egg-info
