# Every command of the house. `make help` lists them; CONTRIBUTING.md tells when to use which.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first Python that is new enough; PYTHON=… on the command line or in the environment overrides it.
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
endif
ifeq ($(PYTHON),)
$(error Hubbub needs Python 3.11 or newer; none was found)
endif

VENV := .venv/bin
# The virtual environment's own Node, if it has one, comes before the system's.
IN_VENV := PATH="$(CURDIR)/$(VENV):$$PATH"
COMPILE := $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

.PHONY: help setup setup-dev setup-python setup-client setup-bench run dev test test-python test-client chaos \
	bench bench-quick coverage lint format lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## Install everything into .venv and build the browser client
	@$(PYTHON) -m scripts.setup

setup-dev: # The same, with the tools for tests, linting and development
	@$(PYTHON) -m scripts.setup --dev

run: setup ## Set up, then serve (HOST, PORT and DATA_DIR from the environment)
	@exec $(VENV)/hubbub serve

dev: setup-dev ## Server and client together, both reloading when their sources change
	@exec $(VENV)/python -m scripts.dev

test: setup-dev ## Run every test; ARGS="-k word" goes to pytest, STRICT=1 allows no flaky one
	@$(VENV)/python -m scripts.test $(if $(filter-out 0,$(STRICT)),--strict) $(ARGS)

setup-python: # What the tests of the server need before the first of them runs
	@$(PYTHON) -m scripts.setup --dev --only python

setup-client: # What the tests of the browser client need
	@$(PYTHON) -m scripts.setup --dev --only client

test-python: setup-python ## Run tests of the server alone: ARGS=tests/kernel/test_log.py
	@$(VENV)/python -m scripts.test --only python $(ARGS)

test-client: setup-client ## Run tests of the browser client alone: ARGS=tests/core/outbox.test.ts
	@$(VENV)/python -m scripts.test --only client $(ARGS)

chaos: setup-dev ## Run the whole fault suite (25 minutes); ARGS="--scenario split --seed 7" runs one
	@$(if $(ARGS),true,HUBBUB_CHAOS_KILLS=$${HUBBUB_CHAOS_KILLS:-10} HUBBUB_CHAOS_SECONDS=$${HUBBUB_CHAOS_SECONDS:-20} \
		$(VENV)/python -m scripts.test --only python tests/chaos/test_kill.py tests/chaos/test_fuzz.py -s)
	@$(VENV)/python -m chaos $(or $(ARGS),--all --seed $${HUBBUB_CHAOS_SEED:-1})

setup-bench: # What the benchmark compares, measures with and draws with
	@$(PYTHON) -m scripts.setup --dev --bench

bench: setup-bench ## Measure gateway and product beside their peers; ARGS="--rounds 3"
	@$(VENV)/python -m bench $(ARGS)

bench-quick: setup-bench ## The same in two minutes: the main workloads, once
	@$(VENV)/python -m bench --quick $(ARGS)

coverage: setup-dev ## Run every test and fail when too little of the code was reached
	@$(VENV)/python -m scripts.test --coverage $(ARGS)

lint: setup-dev ## ruff, mypy --strict, import-linter, Biome, tsc
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	cd web && $(IN_VENV) npm run --silent lint

format: setup-dev ## Rewrite Python and TypeScript sources in the house style
	$(VENV)/ruff check --fix-only --quiet .
	$(VENV)/ruff format .
	cd web && $(IN_VENV) npx --no-install biome check --write .

lock: setup-dev ## Recompile requirements/*.txt from pyproject.toml; UPGRADE=--upgrade takes newer versions
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) --group bench -c requirements/dev.txt -o requirements/bench.txt
	$(COMPILE) --group node -o requirements/node.txt
	$(COMPILE) --group build -o requirements/build.txt

clean: ## Remove everything the commands made, but never the data directory
	rm -rf .venv .coverage .coverage.* htmlcov build dist *.egg-info test-results
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf web/node_modules web/dist web/coverage bench/peers/node/node_modules bench/ops/peers/node_modules bench/results-quick
	rm -f hubbub/gateway/_flush.*.so bench/load/load bench/load/writer bench/load/*.o
	find hubbub tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +
