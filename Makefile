# Everything sets itself up: `make demo` and `make test` need Python 3.11 or later, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -q -n auto

.PHONY: help demo test test-x64 test-strict peers docs lint types bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   train on handwritten digits under a schedule; a table and a picture"
	@echo "make test   all tests: as they are, in float64, and under strict promotion"
	@echo "make peers  the values of PyTorch, Keras, Paddle and other libraries, which it installs"
	@echo "make docs   what the code says about itself: lists of names, README table, gallery, API page"
	@echo "make lint   style; make types: types; make bench: benchmarks; make clean: start afresh"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,plot,dev]"
	@touch $@

demo: $(VENV)/installed
	$(BIN)/jaxlr train --data digits --out out/demo

test: $(VENV)/installed
	$(PYTEST)
	$(MAKE) test-x64 test-strict

test-x64: $(VENV)/installed
	JAX_ENABLE_X64=1 $(PYTEST) tests/test_adaptive.py tests/test_laws.py tests/test_schedule.py \
		tests/test_schedules.py tests/test_stopping.py

test-strict: $(VENV)/installed
	JAX_NUMPY_DTYPE_PROMOTION=strict JAX_NUMPY_RANK_PROMOTION=raise \
		$(PYTEST) tests/test_adaptive.py tests/test_intervals.py tests/test_laws.py \
		tests/test_schedules.py tests/test_stopping.py

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

docs: $(VENV)/installed
	$(BIN)/python docs/write.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

bench: $(VENV)/installed
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit; done

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache
