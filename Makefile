# SPDX-License-Identifier: AGPL-3.0-or-later

GO ?= go
FUZZTIME ?= 2m
FUZZ ?= .
BENCH ?= .
BENCHFLAGS ?=
RUNFLAGS ?=

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
CDDL_VERIFIER_VERSION := 1.5.3

TOOLS := $(CURDIR)/.tools
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
CDDL_PYTHON := $(TOOLS)/cddl-verifier-$(CDDL_VERIFIER_VERSION)/bin/python
export CDDL_PYTHON

.PHONY: coverage help run test lint vuln fuzz bench build clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: ## build both programs, start a local server and show how two people chat
	@$(GO) run ./internal/dev/runlocal $(RUNFLAGS)

build: ## build both programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/ ./cmd/...

test: | cddl ## vet and all tests, with the race detector
	$(GO) vet ./...
	@$(GO) run ./internal/dev/runtests

lint: $(GOLANGCI_LINT) ## the linters of .golangci.yml
	$(GOLANGCI_LINT) run

vuln: $(GOVULNCHECK) ## known vulnerabilities in what the programs call
	$(GOVULNCHECK) ./...

coverage: ## which statements of the MLS library no test runs, and why; fails below 90 percent
	@mkdir -p $(TOOLS)
	$(GO) test -coverpkg=./mls/... -coverprofile=$(TOOLS)/mls.cover ./mls/... >/dev/null
	@$(GO) run ./internal/dev/uncovered -least 90 $(TOOLS)/mls.cover

fuzz: ## every fuzz target for FUZZTIME (2m); FUZZ selects targets
	@$(GO) run ./internal/dev/runfuzz -time $(FUZZTIME) -only '$(FUZZ)'

bench: ## all benchmarks (BENCH selects some), then the relay beside its peers
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...
	$(GO) run ./bench/relay $(BENCHFLAGS)

clean: ## remove what was built, .tools and .run excepted
	rm -rf bin

$(GOLANGCI_LINT):
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(GOVULNCHECK):
	GOBIN=$(@D) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

# The schema's checker is a Python package; without it the tests that need it
# are skipped and say so.
.PHONY: cddl
cddl:
	@test -x $(CDDL_PYTHON) || .ci/cddl $(CDDL_PYTHON) $(CDDL_VERIFIER_VERSION) || true
