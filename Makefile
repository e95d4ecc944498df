# Everything starts here; all it needs is make and Python 3.11 or newer. `make` alone lists the targets.
# ARGS goes to the command of test, demo and the benches, as in `make test ARGS="tests/unit -x"`.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
# `make PYTHON=/path/to/python3` chooses one; else the first of these that is new enough.
PYTHON ?=
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: faults help setup demo test lint bench bench-faults lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile

setup: $(STAMP) ## prepare .venv with everything, from the lock

# Made anew only when what is installed would differ.
$(STAMP): requirements-dev.lock pyproject.toml
	@set -e; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$new_enough" 2>/dev/null; then \
	  found=; \
	  for python in $(PYTHONS); do \
	    if "$$python" -c "$$new_enough" 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "make: no Python 3.11 or newer was found (tried: $(strip $(PYTHONS)))." >&2; \
	    echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  if ! "$$found" -m venv --clear $(VENV); then \
	    echo "make: $$found cannot make a virtual environment: its venv module is missing or incomplete." >&2; \
	    echo "On Debian and Ubuntu install the package python3-venv; or name another Python with PYTHON=." >&2; \
	    rm -rf $(VENV); exit 1; \
	  fi; \
	fi; \
	echo "Installing from requirements-dev.lock; the first time this takes a minute or two"
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## start a broker and a worker, play recorded alerts through them, show what came out
	$(BIN)/core-alerts demo $(ARGS)

test: setup ## run all tests, those against the development broker included
	$(BIN)/python -m pytest -m "not faults" $(ARGS)

faults: setup ## run the longer fault tests: expulsion, a killed broker, damage, outages, by the wall clock; about twelve minutes
	$(BIN)/python -m pytest -m faults $(ARGS)

lint: setup ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## measure, and write tables and pictures to bench/results
	$(BIN)/python -m bench $(ARGS)

bench-faults: setup ## let every fault strike under load, and write what came of it to bench/results; half an hour
	$(BIN)/python -m bench.faults $(ARGS)

# No registry's address goes into a lock, whatever this machine is set up with. `make lock ARGS=--upgrade` moves versions.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
          --no-annotate --no-header --no-emit-index-url --no-emit-find-links $(ARGS)

lock: setup ## write both locks anew from pyproject.toml
	$(COMPILE) pyproject.toml --group build --group dev --group bench -o requirements-dev.lock
	$(COMPILE) pyproject.toml --group build -c requirements-dev.lock -o requirements.lock

clean: ## remove .venv and caches; .core-alerts, with the data of the development broker, stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
