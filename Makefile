SHELL := bash
.SHELLFLAGS := -euo pipefail -c
# The harness knows which Node to use, even before it is there.
export PATH := $(shell . test/harness/env.sh && echo "$$PATH")
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

CONTAINER_TOOL ?= docker
VERSION := $(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
IMAGE ?= qga-operator:$(VERSION)
IMAGE_ARGUMENTS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) \
  --build-arg CREATED=$(shell date -u -d @$(SOURCE_DATE_EPOCH) +%Y-%m-%dT%H:%M:%SZ) --build-arg SOURCE_DATE_EPOCH

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
test: setup ## Every test: unit, simulation, integration (real API server, shells) and e2e (real guests)
	npx vitest run

.PHONY: unit
unit: tools ## Unit tests only
	npx vitest run --project unit

.PHONY: simulation
simulation: tools ## Search for faults in simulated worlds only: SEEDS=100000, FROM=20000 for others than make test's
	npx vitest run --project simulation

.PHONY: integration
integration: setup ## Tests against a real API server, Helm and shells
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

.PHONY: cluster
cluster: setup ## A real one-node Kubernetes with the operator as pods and guests to play with, until Ctrl-C
	@node test/harness/cluster/main.ts play

.PHONY: demo-cluster
demo-cluster: setup ## The demo with the operator as pods: a real node, the image, the chart installed by Helm
	@node test/harness/cluster/main.ts demo

.PHONY: bench
bench: setup ## Measure speed and cost: PARTS="exec files" for some of it only
	@node test/bench/main.ts $(PARTS)

.PHONY: conformance
conformance: setup ## Try every command of the guest agent on real guests, and write docs/conformance.md anew
	UPDATE_DOCS=1 npx vitest run --project e2e test/e2e/conformance.test.ts

.PHONY: build
build: tools ## Bundle the programs into dist/
	npm run --silent build

.PHONY: image
# The commit's time in place of the clock's.
image: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
image: ## Build the container image with Docker, or whatever CONTAINER_TOOL names
	$(CONTAINER_TOOL) build $(IMAGE_ARGUMENTS) --tag $(IMAGE) .

.PHONY: release
release: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
release: export PATH := $(shell . test/harness/env.sh && echo "$$QGA_HELM:$$PATH")
release: tools ## Make dist/release: what the image is built from, the chart, the kubectl plugin, and their sums
	@node release.ts

.PHONY: kind-up
# The image's id among the annotations: pods are replaced when it is another, though its name be the same.
kind-up: image ## With Docker, kind, Helm and kubectl: a cluster of one node that sees this machine's libvirt
	kind get clusters | grep -qx qga || kind create cluster --config kind-config.yaml
	kind load docker-image --name qga $(IMAGE)
	id=$$($(CONTAINER_TOOL) image inspect --format '{{.Id}}' $(IMAGE)) && image=$(IMAGE) && \
	helm upgrade qga-operator charts/qga-operator --install --kube-context kind-qga --wait --timeout 3m \
	  --namespace qga-system --create-namespace --set-string agent.nodeSelector.hypervisor=true \
	  --set-string image.repository=$${image%:*},image.tag=$${image##*:} \
	  --set-string manager.podAnnotations.image=$$id,agent.podAnnotations.image=$$id
	kubectl --context kind-qga get guesthosts

.PHONY: kind-down
kind-down: ## Remove that cluster; the machine's guests stay as they are
	kind delete cluster --name qga

.PHONY: clean
clean: ## Remove what was built here; the cache of binaries and images stays
	rm -rf dist coverage
