# kubectl grpcexpose: everything that is built, tested and measured. "make help" lists the targets.

SHELL := /bin/bash
GO ?= go
VERSION ?= v0.1.0-dev
MODULE := github.com/grpcexpose/kubectl-grpcexpose
LDFLAGS := -s -w -X $(MODULE)/pkg/plugin.version=$(VERSION)
GOLANGCI_LINT := $(GO) tool -modfile=test/tools/go.mod golangci-lint

.DEFAULT_GOAL := build
.PHONY: help build test test-short test-race e2e lint-code vulncheck generate update-goldens verify unused-exports dist demo demo-down bench-create bench-lint clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

build: ## Build the plugin: bin/kubectl-grpcexpose
	@CGO_ENABLED=0 $(GO) build -gcflags all=-dwarf=false -ldflags "$(LDFLAGS)" -o bin/kubectl-grpcexpose ./cmd/kubectl-grpcexpose

test: ## Run all tests that need no control plane
	$(GO) test ./...
	$(GO) test -C test/stack -short ./...
	$(GO) test -C test/samples ./...
	$(GO) test -C test/tools ./...

test-short: ## Run the tests without those that take long: what to run after each change
	$(GO) test -short ./...

test-race: ## Run the tests of what runs in parallel with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short ./pkg/mesh/... ./pkg/checks/... ./pkg/lint/... ./pkg/plugin

e2e: ## Run the tests on a real control plane (builds it the first time: 5 to 15 minutes)
	$(GO) test -C test/stack -timeout 60m ./...
	$(GO) test -C test/e2e -count=1 -timeout 30m ./... # what they test is no input that the test cache knows
	$(GO) test -C test/ship -timeout 30m ./...
	$(GO) test -C test/dataplane -timeout 30m ./...

lint-code: ## Check the code: go vet, golangci-lint with the import rules, and formatting
	$(GO) vet ./...
	$(GOLANGCI_LINT) run ./...
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "to be formatted with gofmt: $$unformatted"; exit 1; } # the modules under test/ too

vulncheck: ## Look for known vulnerabilities in what the program calls (asks vuln.go.dev)
	$(GO) tool -modfile=test/tools/go.mod govulncheck ./...

generate: ## Write the pages of docs/ and the parts of the READMEs that are made from the program
	$(GO) run ./cmd/generate-docs .

update-goldens: ## Rewrite the golden files of make test; read the difference (those of make e2e: go test -C test/e2e . -update)
	$(GO) test $$(grep -rl 'flag.Bool("update"' --include='*_test.go' cmd pkg | xargs -n 1 dirname | sort -u | sed 's,^,./,') -update

verify: ## Check that what is made from the program is up to date, as "make generate" would write it
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && cp -R docs README*.md "$$copy" && \
	$(GO) run ./cmd/generate-docs "$$copy" && \
	for name in docs README.md README.zh-CN.md; do diff -ru "$$name" "$$copy/$$name" || stale=yes; done && \
	test -z "$$stale" || { echo 'run "make generate"'; exit 1; }

unused-exports: ## List what packages export and no other package uses
	@$(GO) run -C test/tools ./unusedexports ../..

dist: ## Build the archives, SBOMs, checksums and the krew manifest of a release in dist/ (VERSION=v1.2.3)
	@$(GO) run ./hack/dist -version $(VERSION) -epoch $${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)}

demo: ## Watch the plugin expose a Deployment on a real control plane (KUBECONFIG_DEMO=... for a cluster of your own)
	@hack/demo.sh

demo-down: ## End what the demo started
	@hack/demo.sh down

bench-create: build ## Time create against a kubectl script that knows every answer
	$(GO) run -C test/e2e ./cmd/benchcreate

bench-lint: build ## Time lint on a large cluster against istioctl analyze, and with hostile objects (loads the cluster the first time: some minutes)
	@$(GO) run -C test/bench .
	@GRPCEXPOSE_LONG_TESTS=1 $(GO) test -count=1 -run TestHostileObjects ./pkg/lint

clean: ## Remove what was built here
	rm -rf bin dist

include test/stack/stack.mk
include test/oracle/oracle.mk
