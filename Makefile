# Every target makes .venv by itself, with the versions that constraints.txt pins.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-all lint format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(INSTALLED): pyproject.toml constraints.txt
	@echo "==> making .venv and installing sksetfit with its development tools (a few minutes the first time)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[offline,examples]" --group dev --group reference
	@touch $(INSTALLED)

quickstart: $(INSTALLED)  ## train, save and reload a classifier of the shipped tickets, offline
	@echo "==> running examples/quickstart.py without a network"
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=passive $(BIN)/python examples/quickstart.py

test: $(INSTALLED) lint  ## lint, type-check and run the fast tests
	@echo "==> running the tests (those marked slow: make test-all)"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 -m "not slow"

test-all: $(INSTALLED) lint  ## run all tests
	@echo "==> running all tests"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2

lint: $(INSTALLED)  ## check style and types
	@echo "==> checking style (ruff) and types (mypy)"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove .venv and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache dist
