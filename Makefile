# Every target makes its environment by itself; .venv has the versions that constraints.txt pins.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
FAST := -m "not slow" --numprocesses 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-all test-lowest test-newest fuzz lint format docs package clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(INSTALLED): pyproject.toml constraints.txt
	@echo "==> making .venv and installing sksetfit with its development tools (a few minutes the first time)"
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --upgrade pip
	$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable ".[offline,examples,onnx]" --group dev --group reference --group docs --group package
	@touch $(INSTALLED)

quickstart: $(INSTALLED)  ## train, save and reload a classifier of the shipped tickets, offline
	@echo "==> running examples/quickstart.py without a network"
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=passive $(BIN)/python examples/quickstart.py

test: $(INSTALLED) lint  ## lint, type-check and run the fast tests
	@echo "==> running the tests (those marked slow: make test-all)"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(FAST)

test-all: $(INSTALLED) lint  ## run all tests
	@echo "==> running all tests"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# Old libraries use what newer ones call deprecated, and scikit-learn 1.7 hands pytest what its version 9 warns of. Pages
# and examples, which are what runs on real weights, show newer parts of scikit-learn.
test-lowest:  ## run the fast tests with the lowest versions that pyproject.toml allows
	@echo "==> making .venv-lowest"
	$(PYTHON) -m venv --clear .venv-lowest
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
		| sed 's/>=/==/' > .venv-lowest/constraints.txt
	.venv-lowest/bin/python $(PIP_INSTALL) --upgrade pip
	.venv-lowest/bin/python $(PIP_INSTALL) --constraint .venv-lowest/constraints.txt --editable ".[offline]" --group test "pytest<9"
	@echo "==> running the tests with the lowest versions"
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest $(FAST) -m "not slow and not real_weights" -W ignore::DeprecationWarning

test-newest:  ## run the fast tests with the newest versions there are
	@echo "==> making .venv-newest"
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python $(PIP_INSTALL) --upgrade pip
	.venv-newest/bin/python $(PIP_INSTALL) --upgrade --editable ".[offline,examples,onnx]" --group test
	.venv-newest/bin/python -m pip list
	@echo "==> running the tests with the newest versions"
	OMP_NUM_THREADS=1 .venv-newest/bin/python -m pytest $(FAST)

SEED ?= 1
CASES ?= 50000
fuzz: $(INSTALLED)  ## read CASES=50000 changed files, those of SEED=1, and count what comes of them
	@echo "==> reading $(CASES) changed files of seed $(SEED) (about an hour)"
	OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 PYTHONPATH=tests $(BIN)/python -m fuzzing --seed $(SEED) --cases $(CASES)

lint: $(INSTALLED)  ## check style and types
	@echo "==> checking style (ruff), imports (import-linter) and types (mypy)"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy

format: $(INSTALLED)  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)  ## build the documentation, every warning an error
	@echo "==> building docs/_build/html"
	HF_HUB_OFFLINE=1 $(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

# The sources are taken out of the unpacked sdist, so that its tests see the installed wheel.
package: $(INSTALLED)  ## build wheel and sdist, and run the fast tests of the one on the other
	@echo "==> building dist/"
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	@echo "==> making .venv-package with the wheel"
	$(PYTHON) -m venv --clear .venv-package
	.venv-package/bin/python $(PIP_INSTALL) --constraint constraints.txt --upgrade pip
	.venv-package/bin/python $(PIP_INSTALL) --constraint constraints.txt "$$(ls dist/*.whl)[offline,examples,onnx]" --group test mypy
	tar --extract --gzip --file dist/*.tar.gz --directory .venv-package --strip-components 1 --one-top-level=sdist
	rm -r .venv-package/sdist/sksetfit
	@echo "==> running the tests of the sdist on the installed wheel"
	cd .venv-package/sdist && ../bin/python -c 'import sksetfit; assert "site-packages" in sksetfit.__file__'
	cd .venv-package/sdist && OMP_NUM_THREADS=1 ../bin/python -m pytest $(FAST) tests
	cd .venv-package/sdist && ../bin/python -m pytest tests/test_typing.py

clean:  ## remove the environments, caches and what was built
	rm -rf .venv .venv-lowest .venv-newest .venv-package .mypy_cache .pytest_cache .ruff_cache dist docs/_build
