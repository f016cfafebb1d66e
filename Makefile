# The commands of this repository. `make` lists them; each needs nothing but Go, unless its line says so.

GO ?= go
# Arguments for `go test`, such as: make test packages=./server/... testflags='-run TestWall -v'
packages ?= ./...
testflags ?=
# The packages whose code runs at the same time as itself: CI runs them with the race detector on each change, ci-full all.
concurrent = ./server/api ./server/auth ./server/mailer ./server/queue ./server/ratelimit ./server/session ./server/thread
# The commit that make compare compares with: the last one before the changes under test.
base ?= 71e3b26
# The slowest package takes a quarter of an hour with the race detector on two busy cores. The heaps of the tests are
# small, so that the garbage collector would run all the time: it took a fifth of the time of the package server.
go_test = env GOGC=400 $(GO) test -timeout 45m $(testflags) $(packages)

golangci_lint = $(GO) tool -modfile=tools/go.mod golangci-lint
govulncheck = $(GO) tool -modfile=tools/go.mod govulncheck
cyclonedx_gomod = $(GO) tool -modfile=tools/go.mod cyclonedx-gomod
with_postgres = $(GO) run ./postgres/pgtest/with-postgres --

.DEFAULT_GOAL := help
.PHONY: help run test migration generate lint fix check ci-full test-race test-container test-majors test-atlas compare verify-format verify-generated verify-migrations verify-readme verify-manual vulncheck sbom clean

help: ## list these commands
	@printf 'usage: make COMMAND\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the service, with a PostgreSQL of its own unless CHENU_DATABASE_URL names one
	@echo 'building; the first time takes a minute or two'
	@$(GO) run ./cmd/chenu serve

test: ## run all tests on a real PostgreSQL: a container's, this machine's or a fetched one
	@echo 'building the tests; the first time takes a few minutes'
	@$(with_postgres) $(go_test)

migration: ## plan the next migration from ent/schema and policies: make migration name=add_task_due_date
	@test -n "$(name)" || { echo 'say what the migration is for: make migration name=add_task_due_date' >&2; exit 2; }
	@$(GO) run ./cmd/chenu migrate diff "$(name)"

generate: ## regenerate the graph, the policies and the OpenAPI document
	$(GO) generate ./ent
	$(GO) run -mod=readonly ./cmd/chenu openapi > server/openapi.json.new
	mv server/openapi.json.new server/openapi.json

lint: ## run the linters of .golangci.yaml
	@echo 'linting; the first time builds the linter, which takes a minute or two'
	@$(golangci_lint) run

fix: ## format, and apply the fixes that linters suggest
	$(golangci_lint) fmt
	$(golangci_lint) run --fix

# The rows of the table that TestTraffic migrates under traffic: a million takes a minute on two busy cores, and make test has 20,000.
check: export CHENU_TEST_TRAFFIC_ROWS = 1000000
check: lint verify-format verify-generated verify-migrations verify-readme verify-manual test ## what CI checks on each change, in about 15 minutes (needs git, groff and a C compiler)
	@$(MAKE) --no-print-directory test-race packages='$(concurrent)'

ci-full: check test-race test-container test-majors test-atlas sbom compare ## all of check, and what takes hours (also needs Docker, or root on Debian)

test-race: ## run all tests with the race detector (needs a C compiler)
	@echo 'building the tests with the race detector; the first time takes some minutes'
	@# Which locks Postgres takes does not depend on the race detector, and that test takes minutes with it: make test runs it.
	@$(with_postgres) $(go_test) -race -skip '^TestNoTwoOperationsDeadlock$$'

test-container: ## run all tests on a container (needs Docker, or root on Debian to install it)
	@CHENU_TEST_SERVER=container .ci/with-docker $(with_postgres) $(go_test)

test-majors: ## run all tests on PostgreSQL 16, 17 and 18, of this machine or fetched
	@for major in 16 17 18; do \
		CHENU_TEST_SERVER=local CHENU_TEST_MAJOR=$$major $(with_postgres) $(go_test) || exit; \
	done

test-atlas: ## run the Atlas CLI in turn with ours (builds it; on PostgreSQL 15, the newest that its free version reads)
	@echo 'building the Atlas CLI; the first time takes a few minutes'
	@CHENU_TEST_SERVER=local CHENU_TEST_MAJOR=15 $(with_postgres) $(GO) test -timeout 20m -tags atlascli -run AtlasCLI ./migrations/apply $(testflags)

compare: ## compare the speed of requests with that at the commit base=71e3b26; fail if one is 3% slower (needs git)
	@.ci/compare $(base)

vulncheck: ## fail on known vulnerabilities in code that the service calls (needs https://vuln.go.dev)
	@$(govulncheck) ./...

sbom: ## write the bill of materials of the service to bin/chenu.cdx.json (CycloneDX)
	@mkdir -p bin
	@$(cyclonedx_gomod) app -json -licenses -main cmd/chenu -output bin/chenu.cdx.json .

# CI's smaller steps.

verify-format:
	$(GO) vet ./...
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); \
	test -z "$$unformatted" || { printf 'not formatted; run make fix:\n%s\n' "$$unformatted" >&2; exit 1; }

verify-generated: generate
	@changed=$$(git status --porcelain); \
	test -z "$$changed" || { printf 'the tree differs from its last commit; run make generate and commit what it changed:\n%s\n' "$$changed" >&2; exit 1; }

verify-migrations:
	$(GO) run ./cmd/chenu migrate validate --dir migrations
	$(GO) run ./cmd/chenu migrate diff --check

verify-readme:
	@.ci/readme

verify-manual: # with groff, which make test does not need
	$(GO) test -tags groff -run '^TestManual' ./cmd/chenu

clean: ## remove what was built here (never data)
	rm -rf bin coverage* server/openapi.json.new
	find . -name '*.test' -type f -delete
	find . -name '*.out' -type f -delete
