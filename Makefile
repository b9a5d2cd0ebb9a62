SHELL := bash
.SHELLFLAGS := -euo pipefail -c
# The harness knows which Node to use, even before it is there.
export PATH := $(shell . test/harness/env.sh && echo "$$PATH")
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install and build what tests and the demo need; does nothing when all is there
	@test/harness/setup.sh

.PHONY: tools
tools: ## Install Node and the npm packages only
	@test/harness/setup.sh --tools

.PHONY: check
check: tools ## The fast gate: format, lint, types, generated files, unit tests
	npx biome format .
	npx oxlint --type-aware
	npx tsc --noEmit
	npm run --silent crds -- --check
	npx vitest run --project unit

.PHONY: format
format: tools ## Format everything
	npx biome check --write .

.PHONY: test
test: setup ## Every test: unit, integration (real API server) and e2e (real guests)
	npx vitest run

.PHONY: unit
unit: tools ## Unit tests only
	npx vitest run --project unit

.PHONY: integration
integration: setup ## Tests against a real API server
	npx vitest run --project integration

.PHONY: e2e
e2e: setup ## Tests against a real API server and real guests
	npx vitest run --project e2e

.PHONY: demo
demo: setup ## Show the operator at work on three real guests, then remove everything
	@node test/harness/demo.ts run

.PHONY: demo-up
demo-up: setup ## The same, but leave it running to play with
	@node test/harness/demo.ts up

.PHONY: demo-down
demo-down: ## End what demo-up left running
	@node test/harness/demo.ts down

.PHONY: bench
bench: setup ## Measure speed and cost on real guests
	@node test/bench/main.ts

.PHONY: build
build: tools ## Bundle the programs into dist/
	npm run --silent build

.PHONY: clean
clean: ## Remove what was built here; the cache of binaries and images stays
	rm -rf dist coverage
