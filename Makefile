# Everything sets itself up: `make demo` and `make test` need Python 3.11 or later, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -q -n auto

.PHONY: help demo test test-x64 test-slow test-all peers lowest newest package docs lint types hooks bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   train on handwritten digits under a schedule; a table and a picture"
	@echo "make test   the tests; make test-all: also the slow ones, in float64, and the peers"
	@echo "make peers  the values of PyTorch, Keras, Paddle and other libraries, which it installs"
	@echo "make lowest, make newest   core tests with the oldest and the newest versions that go together"
	@echo "make package  wheel and sdist in dist/, tried in an environment of their own"
	@echo "make docs   lists of names, README table, gallery and API page, from what the code says"
	@echo "make lint   style; make types: types; make hooks: both before every commit"
	@echo "make bench  benchmarks; make clean: start afresh"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,plot,dev]"
	@touch $@

demo: $(VENV)/installed
	$(BIN)/jaxlr train --data digits --out out/demo

# Cases that share compiled programs stay on one worker.
test: $(VENV)/installed
	$(PYTEST) --dist loadgroup -m "not slow" --ignore tests/peers

# The tests that depend on the width of numbers, in float64.
test-x64: $(VENV)/installed
	JAX_ENABLE_X64=1 $(PYTEST) --dist loadgroup -m "x64 and not slow" tests

test-slow: $(VENV)/installed
	$(PYTEST) --dist loadgroup -m slow --ignore tests/peers

test-all: test test-x64 test-slow peers

# The versions in constraints.txt stay, but for mpmath, of which PyTorch needs an older one. timm
# needs torchvision for its models, but not for its schedulers; MMEngine needs OpenCV, fvcore some
# more and Paddle an older opt_einsum, and their schedulers none of these, only what is named here.
# Ignite needs no more than PyTorch.
$(VENV)/installed-peers: $(VENV)/installed constraints-peers.txt
	$(BIN)/python -m pip install --quiet --constraint constraints-peers.txt keras torch transformers \
		addict httpx termcolor yapf
	$(BIN)/python -m pip install --quiet --constraint constraints-peers.txt --no-deps \
		fvcore mmengine paddlepaddle pytorch-ignite timm
	@touch $@

peers: $(VENV)/installed-peers
	$(BIN)/python -m pytest -q tests/peers

# The core tests need no extra. The lower bounds of the core dependencies are the versions here.
LOWEST := .venv-lowest
NEWEST := .venv-newest
NEWEST_PYTHON ?= $(shell for python in $(PYTHON) python3.12 python3.13 python3.14 python3.15 \
	$${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.*/bin/python3; do $$python -c \
	'import sys; print(sys.version_info.minor, sys.executable)' 2>/dev/null; \
	done | sort -n | tail -n 1 | cut -d " " -f 2)
CORE_TESTS := tests/test_adaptive.py tests/test_batch.py tests/test_compose.py tests/test_curves.py \
	tests/test_formulas.py tests/test_schedule.py tests/test_text.py tests/test_units.py
TEST_TOOLS := absl-py hypothesis mpmath pytest pytest-xdist scipy

$(LOWEST)/installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet $(TEST_TOOLS) --editable . \
		$$($(LOWEST)/bin/python .ci/lower_bounds.py)
	@touch $@

lowest: $(LOWEST)/installed
	$(LOWEST)/bin/python -m pytest -q -n auto $(CORE_TESTS)

$(NEWEST)/installed: pyproject.toml
	$(NEWEST_PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet $(TEST_TOOLS) --editable ".[train,plot]"
	@touch $@

newest: $(NEWEST)/installed
	$(NEWEST)/bin/python -m pytest -q -n auto $(CORE_TESTS)
	$(NEWEST)/bin/jaxlr train --data digits --epochs 1 --out out/newest

# `build` makes the wheel out of the sdist; the one in tree/ is made of the checkout.
PACKAGE := .venv-package

$(PACKAGE)/installed: constraints.txt
	$(PYTHON) -m venv $(PACKAGE)
	$(PACKAGE)/bin/python -m pip install --quiet --constraint constraints.txt build
	@touch $@

package: $(PACKAGE)/installed
	rm -rf dist
	$(PACKAGE)/bin/python -m build --outdir dist
	$(PACKAGE)/bin/python -m build --wheel --outdir dist/tree
	$(PYTHON) -m venv --clear $(PACKAGE)/empty
	$(PACKAGE)/empty/bin/python -m pip install --quiet --constraint constraints.txt dist/*.whl
	$(PACKAGE)/empty/bin/python .ci/check_package.py dist

docs: $(VENV)/installed
	$(BIN)/python docs/write.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

hooks: $(VENV)/installed
	$(BIN)/python -m pip install --quiet pre-commit
	$(BIN)/pre-commit install

bench: $(VENV)/installed
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit; done

clean:
	rm -rf $(VENV) $(LOWEST) $(NEWEST) $(PACKAGE) dist out .pytest_cache .mypy_cache .ruff_cache
