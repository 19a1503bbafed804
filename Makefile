# Everything a developer does here. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

# The address and token of another HubSpot-compatible server for `make up`; KEEP for `make demo`.
export HUBSPOT_URL HUBSPOT_TOKEN KEEP

.PHONY: help setup assets demo up down test bench lint verify

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | expand -t 12

setup: .venv/installed assets ## .venv with everything for this checkout, and the control plane (built once, 6 to 8 minutes)

# Installed anew when a pin changes; a failed attempt leaves no stamp.
.venv/installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

assets: .venv/installed
	@$(BIN)/simulation-sandbox assets

demo: setup ## the whole thing once, live: sandbox, chart, a Simulation, and the proof (KEEP=1 leaves it running)
	@$(BIN)/simulation-sandbox demo

up: setup ## the sandbox left running (HUBSPOT_URL=… HUBSPOT_TOKEN=… for another HubSpot); then `source .sandbox/env`
	@$(BIN)/simulation-sandbox up

down: .venv/installed ## stops the sandbox; Simulations and ledger stay, the emulator forgets its CRM
	@$(BIN)/simulation-sandbox down

test: setup ## unit, integration and e2e tests, and how long each part took
	@failed=; times=; \
	for part in unit integration e2e; do \
	  began=$$SECONDS; code=0; \
	  if [ -n "$$(find tests/$$part -name 'test_*.py' 2>/dev/null | head -n 1)" ]; then $(BIN)/pytest -q tests/$$part || code=$$?; fi; \
	  [ $$code -eq 0 ] || [ $$code -eq 5 ] || failed="$$failed $$part"; \
	  times="$$times$$part: $$((SECONDS - began)) s\n"; \
	done; \
	printf "\n$$times"; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

bench: setup ## what it costs, beside its peers: bench/results.json and a table (SECTION=growth for one section only)
	@$(BIN)/python -m simulation_bench $(SECTION)

lint: setup ## ruff, mypy, import contracts, shell and chart linters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@git grep -lE '^#!.*\b(ba|da)?sh$$' | xargs -r -t $(BIN)/shellcheck
	@if [ -d charts/simulation-operator ]; then set -x; "$$($(BIN)/simulation-sandbox assets --where)/helm" lint --strict --quiet --values charts/simulation-operator/ci/values.yaml charts/simulation-operator; fi

# A generator rewrites files that follow from others; whoever changed the source and forgot it sees the difference here.
GENERATED := docs charts crds requirements
CHECKSUMS = find $(GENERATED) -type f -not -path '*/__pycache__/*' -exec sha256sum {} + | sort -k 2
verify: setup ## regenerates what is generated and fails on drift
	@before="$$($(CHECKSUMS))"; \
	for generator in docs/generate.py charts/generate.py; do \
	  if [ -f $$generator ]; then echo $$generator; $(BIN)/python $$generator || exit 1; fi; \
	done; \
	diff <(echo "$$before") <($(CHECKSUMS)) || { echo "the files above were out of date and are regenerated now: commit them"; exit 1; }
