# Two commands for a reader: `make demo` and `make test`. Each makes .venv, from pinned versions, when it must.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test lint types check setup setup-dev benchmarks docs clean

demo: setup  ## set up, then run the main job on what ships inside
	$(BIN)/shelftalker run recipes/sample.yaml

test: setup-dev lint types check  ## set up, then prove it

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types:
	$(BIN)/mypy

# The demo is timed by its reader's patience and uses all cores: it runs after the rest, alone.
check:
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --ignore tests/e2e
	$(BIN)/python -m pytest tests/e2e

setup: .venv/.core
setup-dev: .venv/.dev

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 to 3.13 with venv found; install one, or: make PYTHON=/path/to/python"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.core: pyproject.toml constraints.txt tools/install.py | $(BIN)/python
	@echo "setting up .venv (once; a few minutes)"
	@$(BIN)/python tools/install.py core
	@touch $@

.venv/.dev: .venv/.core
	@$(BIN)/python tools/install.py dev
	@touch $@

# Every figure of the documents; hours. `make benchmarks QUICK=--quick` only sees that each of them runs.
benchmarks: setup-dev
	@for script in $(filter-out %/prepare_data.py,$(wildcard benchmarks/*.py)); do \
		echo "▸ $$script $(QUICK)"; $(BIN)/python $$script $(QUICK) || exit 1; done

docs: setup-dev  ## the documents as a site, in build/site
	$(BIN)/mkdocs build --strict --quiet

clean:  ## remove the environment and what the demo wrote
	rm -rf .venv demo
