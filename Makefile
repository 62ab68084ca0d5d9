# SPDX-License-Identifier: AGPL-3.0-or-later

GO ?= go
FUZZTIME ?= 2m
FUZZ ?= .
FUZZFLAGS ?=
BENCH ?= .
BENCHTIME ?= 1s
BENCHPACKAGES ?= ./...
BENCHFLAGS ?=
INTEROP ?= .
SCREENS ?= $(CURDIR)/docs/screens
SCREENTESTS ?= Screens|Postcards
PEERFLAGS ?=
PAGEFLAGS ?=
RUNFLAGS ?=

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
VERSITYGW_VERSION := v1.8.0
CDDL_VERIFIER_VERSION := 1.5.3
TS_MLS_VERSION := $(shell sed -n 's/.*"ts-mls": "\(.*\)".*/\1/p' internal/testing/interop/tsmls/package.json)
TUS_JS_VERSION := $(shell sed -n 's/.*"tus-js-client": "\(.*\)".*/\1/p' internal/testing/interop/tusjs/package.json)

TOOLS := $(CURDIR)/.tools
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
VERSITYGW := $(TOOLS)/versitygw-$(VERSITYGW_VERSION)/versitygw
CDDL_PYTHON := $(TOOLS)/cddl-verifier-$(CDDL_VERIFIER_VERSION)/bin/python
export CDDL_PYTHON
VAULT_READER := $(TOOLS)/vault-reader
TS_MLS := $(TOOLS)/ts-mls-$(TS_MLS_VERSION)
TUS_JS := $(TOOLS)/tus-js-client-$(TUS_JS_VERSION)
PEERS := $(TOOLS)/peers
# Crates take minutes to compile. What comes of them is kept for all copies of the
# project, as Go keeps what it compiles.
CRATES := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/securecrypt/crates
PROXIES := $(TOOLS)/proxies

.PHONY: coverage help run web screens test test-engines interop lint vuln fuzz bench bench-page bench-vault bench-peers build clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

run: | web ## build everything, start a local server and show how two people chat
	@$(GO) run ./internal/dev/runlocal $(RUNFLAGS)

web: ## the application for browsers, which the programs embed; needs Node 20 and npm
	@$(GO) run ./internal/dev/webbuild

build: | web ## build both programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/ ./cmd/...

test: | cddl chromium engines proxies openssh backup-tools versitygw ts-mls tus-js-client vault-reader web ## vet and all tests, with the race detector
	$(GO) vet ./...
	GOOS=js GOARCH=wasm $(GO) vet ./internal/product/jsbridge ./client/store/indexeddb ./client/transport/browser ./cmd/securecrypt-wasm
	@$(GO) run ./internal/dev/runtests

test-engines: | chromium engines web ## the page's main flows in Chromium, Firefox and WebKitGTK
	$(GO) test ./internal/testing/enginetest -count=1 -v -timeout 20m

interop: | ts-mls tus-js-client peers ## our MLS library live with ts-mls, openmls and mls-rs, in both directions; uploads by tus-js-client (INTEROP selects tests)
	INTEROP=required $(GO) test ./internal/testing/interop -run '$(INTEROP)' -count=1 -v -timeout 20m

lint: $(GOLANGCI_LINT) | web ## the linters of .golangci.yml, and Prettier and ESLint for the page
	$(GOLANGCI_LINT) run
	GOOS=js GOARCH=wasm $(GOLANGCI_LINT) run ./internal/product/jsbridge ./client/store/indexeddb ./client/transport/browser ./cmd/securecrypt-wasm
	npm --prefix web run --silent format:check
	npm --prefix web run --silent lint

screens: | chromium web ## pictures of every screen of the browsers' application into docs/screens/, and those of README
	SCREENS='$(SCREENS)' $(GO) test ./internal/testing/pagetest -run '^Test($(SCREENTESTS))$$' -count=1 -timeout 20m

vuln: $(GOVULNCHECK) ## known vulnerabilities in what the programs call
	$(GOVULNCHECK) ./...

coverage: ## which statements of the MLS library no test runs, and why; fails below 90 percent
	@mkdir -p $(TOOLS)
	$(GO) test -coverpkg=./mls/... -coverprofile=$(TOOLS)/mls.cover ./mls/... >/dev/null
	@$(GO) run ./internal/dev/uncovered -least 90 $(TOOLS)/mls.cover

fuzz: ## every fuzz target for FUZZTIME (2m); FUZZ selects targets, FUZZFLAGS='-few 5' draws some by lot
	@$(GO) run ./internal/dev/runfuzz -time $(FUZZTIME) -only '$(FUZZ)' $(FUZZFLAGS)

bench: ## all benchmarks (BENCH and BENCHPACKAGES select some), then the relay beside its peers
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 60m $(BENCHPACKAGES)
	$(GO) run ./bench/relay $(BENCHFLAGS)

bench-peers: | ts-mls peers ## our MLS library beside its peers, as tables (PEERFLAGS='-sizes 10000' for more)
	@$(GO) run ./bench/peers $(PEERFLAGS)

bench-vault: build ## the vault beside other programs for backups, as tables (VAULTFLAGS='-mib 512 -cold', '-small 100000')
	@$(GO) run ./bench/vault $(VAULTFLAGS)

bench-page: | web ## the application in Chromium, as tables (PAGEFLAGS='-dir FOLDER' keeps its profiles, '-traffic 1h' watches memory longer)
	@$(GO) run ./bench/page $(PAGEFLAGS)

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

# What the vault's reader in Python needs likewise.
.PHONY: vault-reader
vault-reader: | cddl
	@cmp -s $(VAULT_READER)/requirements.txt vault/testdata/reader/requirements.txt || vault/testdata/reader/install $(VAULT_READER) || true

# Chromium likewise.
.PHONY: chromium
chromium:
	@.ci/chromium || true

# Firefox and WebKitGTK likewise.
.PHONY: engines
engines:
	@.ci/engines || true

# nginx and Caddy likewise.
.PHONY: proxies
proxies:
	@test -x $(PROXIES)/usr/sbin/nginx -a -x $(PROXIES)/usr/bin/caddy || .ci/proxies $(PROXIES) || true

# sshd likewise.
.PHONY: openssh
openssh:
	@.ci/openssh || true

# restic and borg likewise.
.PHONY: backup-tools
backup-tools:
	@.ci/backup-tools || true

# An S3 server likewise; two minutes at first.
.PHONY: versitygw
versitygw:
	@test -x $(VERSITYGW) || GOBIN=$(dir $(VERSITYGW)) $(GO) install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION) || echo 'versitygw: could not be built; tests with an S3 server will be skipped' >&2

# The npm packages ts-mls and tus-js-client likewise.
.PHONY: ts-mls tus-js-client
ts-mls:
	@cmp -s $(TS_MLS)/package-lock.json internal/testing/interop/tsmls/package-lock.json || internal/testing/interop/install tsmls $(TS_MLS) || true
tus-js-client:
	@cmp -s $(TUS_JS)/package-lock.json internal/testing/interop/tusjs/package-lock.json || internal/testing/interop/install tusjs $(TUS_JS) || true

# The crates openmls and mls-rs, in a program of ours: minutes at first.
.PHONY: peers
peers:
	@command -v cargo >/dev/null || { echo 'make peers: needs cargo, Rust 1.91 or later, a C compiler and CMake' >&2; exit 1; }
	cargo build --quiet --release --manifest-path bench/peers/Cargo.toml --target-dir $(CRATES)
	@mkdir -p $(PEERS)/release && cp $(CRATES)/release/peer $(PEERS)/release/
