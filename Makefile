# telemetry-actors: what one types. Plain `make` prints the list.
#
# Needs Python 3.11+ with venv and pip, and make; no root, no services.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

# Whatever the machine says: tests start hundreds of processes, which would compile all they import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-all check format wheel-smoke bench soak mutants clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  ARGS=\"...\" is passed on to demo, test, bench, soak and mutants;"
	@echo "  PYTHON=python3.12 chooses the interpreter of a new $(VENV)"

install: $(STAMP) ## make .venv with every extra and the development tools

# Again whenever the dependencies may have changed; otherwise there is nothing to do. What is never
# imported need not be compiled: that was a quarter of the time.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; choose one by: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "installing into $(VENV)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## a simulated application through the real tree (ARGS="--events 5000 --json")
	@$(BIN)/telemetry-actors demo $(ARGS)

test: $(STAMP) ## the whole suite, a few tests at a time where none is timed (with ARGS: those, one by one)
ifeq ($(strip $(ARGS)),)
	@VENV=$(VENV) .ci/test
else
	$(BIN)/python -m pytest $(ARGS)
endif

test-all: ## the whole suite on 3.11, 3.12 and 3.13, where they are installed; each has a venv of its own
	@failed=; for version in 3.11 3.12 3.13; do \
	  python="$$(.ci/python $$version)" || { echo "Python $$version is not here: left out" >&2; continue; }; \
	  echo "== Python $$version"; \
	  $(MAKE) test VENV=.venv-$$version PYTHON="$$python" || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "failed on:$$failed" >&2; exit 1; }

check: $(STAMP) ## format, lint, types, imports, the measures of the house (under a minute)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.house

format: $(STAMP) ## put the code in its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel-smoke: $(STAMP) ## build the wheel and try it in a clean venv, far from the sources
	PYTHON=$(BIN)/python .ci/wheel-smoke

# What docs/performance.md is made of; the rest of the list is for its own pages.
BENCH := flood peers paced loop busy starvation idle startup memory hour otel journal redis

bench: $(STAMP) ## the figures, charts and page of docs/performance.md: under ten minutes, on a machine at rest
	$(BIN)/python -m benchmarks $(BENCH) --json docs/performance.json $(ARGS)
	$(BIN)/python -m benchmarks charts docs/performance.json
	$(BIN)/python -m tests.docs.performance

soak: $(STAMP) ## the slow tests alone, and a few mutants drawn at random
	$(BIN)/python -m pytest -m slow $(ARGS)
	$(BIN)/python -m tests.mutate --sample 10

mutants: $(STAMP) ## take each mechanism out, and see that its test notices (ARGS="--only g14", "--sample 20")
	$(BIN)/python -m tests.mutate $(ARGS)

clean: ## remove .venv and all that was built
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
