# What a developer does here. Every recipe makes and uses .venv by itself; nothing needs to be activated.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# What may be given on the command line, as in `make sim SEEDS=5000 FROM=200`.
PARTS ?= unit conformance sim integration
ARGS ?=
SEEDS ?= 200
FROM ?= 0
PROFILE ?= mixed
FRACTION ?= 1/1
ROTATE ?= 0
RUNS ?= 1
SEED ?= 1

##@ Use it

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv and install the project with its tools; again only when pyproject.toml changes

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Global Heat needs Python 3.11 or newer; this is: $$($(PYTHON) --version 2>&1)." >&2; \
	    echo "Name another one: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This python3 cannot make virtual environments: its module ensurepip is not installed." >&2; \
	    echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: setup ## Three regions on this machine, one stack over them, through the death of one
	@$(BIN)/global-heat demo $(ARGS)

##@ Before a commit

.PHONY: test
test: setup ## All tests that must pass: unit, conformance, sim, integration. PARTS="unit sim" ARGS="-k update -x"
	@$(BIN)/python tests/run.py $(PARTS) -- $(ARGS)

.PHONY: check
check: setup ## Format, lint, types, layers, protos in sync, limits
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python protos/generate.py --check
	cd protos && ../$(BIN)/buf lint
	$(BIN)/pytest tests/unit/limits

.PHONY: format
format: setup ## Let ruff format the code and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: protos
protos: setup ## Write the Python that comes from protos/ again
	$(BIN)/python protos/generate.py

##@ Look harder

.PHONY: sim
sim: setup ## Simulated schedules: SEEDS=5000 FROM=200 PROFILE=calm|small|mixed|rough
	@$(BIN)/global-heat sim --seeds $(SEEDS) --from $(FROM) --profile $(PROFILE)

.PHONY: chaos
chaos: setup ## Real processes killed, stopped and cut off under load, then judged: RUNS=20 SEED=1 ARGS="--time 30s"
	@$(BIN)/global-heat chaos --runs $(RUNS) --seed $(SEED) $(ARGS)

.PHONY: sim-mutants
sim-mutants: setup ## Wrong protocols, each of which the checker must find. FRACTION=1/5 ROTATE=3
	@$(BIN)/python -m tests.mutants --fraction $(FRACTION) --rotate $(ROTATE) $(ARGS)

.PHONY: sim-crashpoints
sim-crashpoints: setup ## An owner killed and stopped at every thing it does, for every resource type
	@$(BIN)/python tests/sim/crash_points.py $(ARGS)

.PHONY: bench
bench: setup ## Figures: plans, Heat's engine beside ours, overhead, commits, take-over. ARGS="planning heat"
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: accept
accept: setup ## Real templates on the lab; GLOBAL_HEAT_TEMPLATES names their folder
	@$(BIN)/python tests/run.py acceptance -- $(ARGS)

.PHONY: clean
clean: ## Remove .venv and everything that was built or cached in this folder
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find global_heat tests protos -name __pycache__ -type d -prune -exec rm -rf {} +
