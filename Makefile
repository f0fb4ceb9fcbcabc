# make run    builds bin/rstwhy and explains a capture
# make test   runs the tests
# make check  looks at the code: gofmt, go vet, staticcheck
# make cross  compiles for other systems what needs no libpcap, and tests it on 32 bits
# make vuln   asks for known vulnerabilities of what is called
# make accuracy  writes how well the verdicts stand against the truth
# make mutants  finds changes of what decides that no test notices
# make field  measures the verdicts on random conversations (SEED, COUNT), as root
# make bench  measures rstwhy beside tcpdump, tcptrace and tshark
# make fuzz   runs each fuzz target for FUZZTIME
#
# Whatever compiles installs a C compiler and the headers of libpcap first, if
# they are missing. That needs Debian or Ubuntu; the message says so elsewhere.

FUZZTIME ?= 10s
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
SEED ?= 1,2,3,4,5
COUNT ?= 1000
MUTANTS ?= 0
TARGETS = darwin/amd64 darwin/arm64 windows/amd64 freebsd/amd64 linux/arm64 linux/386
CAPTURE = testdata/pcaps/unread-data-on-close/client.pcap

.PHONY: run build test race check cross vuln fuzz benchmarks-once accuracy mutants field bench libpcap clean pictures

# The pictures of the README; needs Chromium.
pictures: libpcap
	docs/pictures/make.sh

run: build
	bin/rstwhy $(CAPTURE)

build: libpcap
	go build -o bin/rstwhy ./cmd/rstwhy
	go build -o bin/rstwhy-mcp ./cmd/rstwhy-mcp

test: libpcap
	go test ./...

race: libpcap
	go test -race ./...

check: libpcap
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then \
		echo "gofmt would change these files:"; echo "$$files"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

# Without a C compiler for the target there is no libpcap, so capture and what
# imports it stay out: of the build those that need it, of vet and the tests also
# those whose tests do. A 32-bit build also finds constants that fit no int.
cross:
	@set -e; export CGO_ENABLED=0; \
	deps='{{.ImportPath}} {{join .Deps " "}}'; tests='{{join .TestImports " "}} {{join .XTestImports " "}}'; \
	for target in $(TARGETS); do \
		export GOOS=$${target%/*} GOARCH=$${target#*/}; \
		build=$$(go list -f "$$deps" ./... | grep -v 'gopacket/pcap\( \|$$\)' | cut -d' ' -f1); \
		vet=$$(go list -f "$$deps $$tests" $$build | grep -v 'gopacket/pcap\( \|$$\)\|rstwhy/capture' | cut -d' ' -f1); \
		echo "$$target: go build of $$(echo "$$build" | wc -l) packages, go vet of $$(echo "$$vet" | wc -l)"; \
		go build $$build; go vet $$vet; \
		if [ "$$target" = linux/386 ] && [ "$$(go env GOHOSTOS)/$$(go env GOHOSTARCH)" = linux/amd64 ]; then \
			if go test -count=1 -run '^$$' ./packet 2>&1 | grep -q 'exec format error'; then \
				echo '*** SKIPPED: NOTHING WAS TESTED ON 32 BITS: this kernel runs no such programs ***'; \
			else go test $$vet; fi; \
		fi; \
	done

# govulncheck ends with an error for findings and for an unreachable database alike:
# only what it says tells them apart.
vuln: libpcap
	@set -e; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	if go run $(GOVULNCHECK) ./... >"$$log" 2>&1; then cat "$$log"; exit 0; fi; \
	cat "$$log"; \
	if ! grep -q '^govulncheck: fetching vulnerabilities: ' "$$log"; then exit 1; fi; \
	echo '*****************************************************************************'; \
	echo '*  KNOWN VULNERABILITIES WERE NOT LOOKED FOR: their database, vuln.go.dev,'; \
	echo '*  cannot be reached from here.'; \
	echo '*****************************************************************************'

# go test -fuzz takes one package and one target at a time. Before Go 1.27 it now
# and then reports the end of its own time as a failure (go.dev/issue/75804): that
# is none, as long as no input failed.
fuzz: libpcap
	@set -e; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	packages=$$(go list ./...); for package in $$packages; do \
		targets=$$(go test -list '^Fuzz' $$package); \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "go test -fuzz=^$$target$$ -fuzztime=$(FUZZTIME) $$package"; \
			if go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) $$package >"$$log" 2>&1; then \
				cat "$$log"; continue; fi; \
			cat "$$log"; \
			if grep -q 'Failing input' "$$log" || ! grep -q '^    context deadline exceeded$$' "$$log"; then exit 1; fi; \
			echo "no input failed, the fuzzer's time was over"; \
		done; done

# Once each: this finds benchmarks that no longer run, it measures nothing.
benchmarks-once: libpcap
	go test -run='^$$' -bench=. -benchtime=1x ./...

accuracy: libpcap
	go run ./cmd/rstlab accuracy

# An hour; MUTANTS takes so many of them, evenly spread.
mutants: libpcap
	go run ./cmd/rstlab mutants --sample $(MUTANTS) --page docs/mutants.md

# Some two minutes a seed; nothing is left but the tables in docs/accuracy.md. gVisor's
# stack is a program of a module of its own.
field: build
	go build -C internal/lab/field/netstack -o $(CURDIR)/bin/netstack .
	go run ./cmd/rstlab field --seed $(SEED) --count $(COUNT) --rstwhy bin/rstwhy --netstack bin/netstack --page docs/accuracy.md

# The captures take some 14 GB of the temporary directory; BENCH names some of them.
bench: build
	go run ./cmd/rstlab bench $(BENCH)

# cc -E is the question that the build will ask.
libpcap:
	@if echo '#include <pcap.h>' | cc -E - >/dev/null 2>&1; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "rstwhy needs a C compiler and the headers of libpcap: install gcc and libpcap-devel (Fedora), libpcap-dev (Alpine), libpcap (Homebrew) or the like" >&2; \
		exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then root=; elif command -v sudo >/dev/null; then root=sudo; else \
		echo "rstwhy needs gcc and libpcap-dev: as root, run apt-get install gcc libc6-dev libpcap-dev" >&2; exit 1; fi; \
	echo "installing gcc, libc6-dev and libpcap-dev"; \
	$$root apt-get update -qq && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev libpcap-dev

clean:
	rm -rf bin
