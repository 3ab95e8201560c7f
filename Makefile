# Parley: `make run` to chat, `make test` to test everything that can be tested here, `make help` for the rest.

SHELL := bash
.DEFAULT_GOAL := help
BIN := bin/parley
RACE ?= -race
# Tests that start servers and load them: one package at a time, or they starve each other.
ALONE := servers|kafka|house
# Tests without the race detector: simulations, of one goroutine each, and processes of a binary of their own.
PLAIN := sim|system
ARGS ?=
CAMPAIGN ?= full
HOURS ?=

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z -]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{sub(/ .*/, "", $$1); printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/parley (needs Go and a C compiler; the first time takes minutes)
	@bash test/scripts/need.sh go cc
	go build -o $(BIN) ./cmd/parley

.PHONY: run
run: build ## Chat in a browser: everything in one process; DATA=dir keeps the data
	$(BIN) dev $(if $(DATA),--data $(DATA)) $(ARGS)

.PHONY: test
test: test-go test-web ## Test everything that can be tested here; real servers install and start themselves

.PHONY: test-go
test-go: ## Go tests, with the race detector and real servers (PARLEY_REAL=off leaves those out)
	@bash test/scripts/need.sh go cc
	go vet ./...
	go test $(RACE) -timeout 20m $$(go list ./... | grep -vE '/test/($(ALONE)|$(PLAIN))$$')
	go test $(RACE) -timeout 60m -p 1 $(addprefix ./test/,$(subst |, ,$(ALONE)))
	go test -timeout 30m -p 1 $(addprefix ./test/,$(subst |, ,$(PLAIN)))

.PHONY: test-web
test-web: build ## The page: unit tests, and two people in headless Chromium
	bash test/scripts/web.sh

.PHONY: sim
sim: ## Simulate the system with faults: 5,000 seeds (SEEDS=n), or replay one step by step (SEED=n)
	@mkdir -p bin
	@go test -c -o bin/sim.test ./test/sim
	@bin/sim.test -test.v -test.timeout 60m $(if $(SEED),-test.run TestReplay -seed=$(SEED) -commands=400,-test.run TestSeeds -seeds=$(or $(SEEDS),5000))

.PHONY: bench bench-soak
bench: ## Measure the whole table on real servers; writes BENCH.md (ARGS="-rounds 5" for the record, "-only recovery" for a part)
	@bash test/scripts/need.sh go cc
	go run ./test/bench $(ARGS)
bench-soak: ## An hour at 70 % of the maximum behind 25 minutes of it, and whether anything grew; adds to BENCH.md (ARGS="-warm 1m -for 5m")
	@bash test/scripts/need.sh go cc
	go run ./test/bench soak $(ARGS)

.PHONY: bench-compare bench-go
bench-compare: ## What a message costs each process at HEAD and in the files as they are: CPU, allocations, locks, off CPU (ARGS="REV REV")
	@bash test/scripts/need.sh go cc
	go run ./test/bench compare $(ARGS)
bench-go: ## Go's benchmarks of HEAD and of the files as they are, compared by benchstat (ARGS="REV REV")
	@bash test/scripts/need.sh go cc
	go run ./test/bench benchmarks $(ARGS)

.PHONY: bench-peers
bench-peers: ## Measure Mosquitto, NATS, ejabberd (installs them) beside Parley; writes test/bench/PEERS.md (ARGS="-rounds 5")
	@bash test/scripts/need.sh go cc
	go run ./test/bench peers $(ARGS)

.PHONY: bench-capacity
bench-capacity: ## Measure what `parley capacity` counts with (ARGS=-check compares its estimates with what was measured)
	@bash test/scripts/need.sh go cc
	go run ./test/bench capacity $(ARGS)

.PHONY: campaign
campaign: ## Faults of every kind on real servers, half an hour; CAMPAIGN=slice (as make test), HOURS=8, FAULTS=redis,gateway, SEED=n
	@bash test/scripts/need.sh go cc
	PARLEY_REAL=required CAMPAIGN=$(CAMPAIGN) HOURS=$(HOURS) go test ./test/system -run TestCampaign -v -count=1 -timeout 0 -args $(ARGS)

.PHONY: broken-laws teeth
broken-laws teeth: ## Break a rule of the log on purpose: the campaign must fail for it (five minutes)
	@bash test/scripts/need.sh go cc
	PARLEY_REAL=required TEETH=1 go test ./test/system -run TestBrokenLawsAreCaught -v -count=1 -timeout 30m

.PHONY: kafka-faults stock
kafka-faults: ## Faults at groups on real Kafka, the long form of test/kafka (a quarter of an hour)
	PARLEY_REAL=required PARLEY_KAFKA=long go test $(RACE) ./test/kafka -v -count=1 -timeout 60m
stock: ## Kill goka's stock wiring beside ours (four minutes); writes test/kafka/STOCK.md
	PARLEY_REAL=required PARLEY_KAFKA=long go test ./test/kafka -run 'TestStock$$' -v -count=1 -timeout 10m -args -stock

.PHONY: generate
generate: ## Make everything that is generated: protobuf, stubs, TOPOLOGY.md, PROTOCOL.md
	bash schemas/generate.sh
	go run ./cmd/parley topology print --format markdown > topology/TOPOLOGY.md
	go run ./schemas/reference PROTOCOL.md

.PHONY: verify
verify: generate ## Fail when something generated is stale, badly formatted, or breaks the schema
	@test -z "$$(gofmt -l $$(git ls-files '*.go' | grep -v /gen/))" || { echo "gofmt -w these:"; gofmt -l $$(git ls-files '*.go' | grep -v /gen/); exit 1; }
	git diff --exit-code -- schemas topology/TOPOLOGY.md PROTOCOL.md
	bash test/scripts/breaking.sh

.PHONY: lint nilaway
lint: ## Run golangci-lint, whose choice of linters and exceptions is .golangci.yml (the first time builds it: minutes)
	@bash test/scripts/tool.sh tools/lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	.bin/golangci-lint run
nilaway: ## Look for uses of nil, except what test/lint/accepted.json accepts
	@bash test/scripts/tool.sh tools/lint ./nilvet
	go run ./test/lint $(ARGS)

.PHONY: sbom licences
sbom: build ## Write bin/sbom.json: the modules in the binary with their licences (CycloneDX)
	@bash test/scripts/tool.sh tools/sbom github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	.bin/cyclonedx-gomod bin -json -licenses -assert-licenses -version v0.0.0 -output bin/sbom.json $(BIN)
licences: sbom ## Check the licence of every module in the binary against the list in test/licences
	go run ./test/licences

.PHONY: test-far
test-far: ## Run what is too heavy for CI, and add the outcomes to test/far/RESULTS.md (hours; ONLY=sim,sbom for some)
	@bash test/far/run.sh "$(ONLY)"

.PHONY: layout
layout: ## Files, imports, references in circles, longest functions, package by package (ARGS="-rev REV", ARGS="-output json")
	@go run ./test/laws/layout $(ARGS)

.PHONY: page
page: ## Build the page (needs Node 20)
	bash clients/web/build.sh

.PHONY: kafka redis mongo
kafka: ## Start Apache Kafka on 127.0.0.1:9092 (installs what it needs)
	go run ./test/servers/up kafka $(ARGS)
redis: ## Start Redis on 127.0.0.1:6379
	go run ./test/servers/up redis $(ARGS)
mongo: ## Start a MongoDB-wire server on 127.0.0.1:27017
	go run ./test/servers/up mongo $(ARGS)

.PHONY: clean
clean: ## Remove what was built; .data stays
	rm -rf bin .bin
