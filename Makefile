# A thin front to CMake and ctest. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
JOBS ?= $(shell nproc)
BUILD := build
TIERCEL := $(BUILD)/release/tiercel

.PHONY: help
help: ## this list
	@echo "Tiercel: make ..."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: deps test-deps attack-deps
deps: ## install what the build needs (Debian; as root or with sudo)
	@packaging/install-dependencies.sh build
test-deps: ## ... and what the tests need
	@packaging/install-dependencies.sh build test packages
attack-deps: ## ... and what the attacks and other kernels need besides (QEMU)
	@packaging/install-dependencies.sh build test attacks

.PHONY: build
build: deps ## build/release/tiercel
	@mkdir -p $(BUILD)
	@cmake --preset release >$(BUILD)/release-configure.log 2>&1 || { cat $(BUILD)/release-configure.log; exit 1; }
	@cmake --build $(BUILD)/release --target tiercel_program -j $(JOBS)

.PHONY: image
image: ## container image from `make deb`'s package (BUILDER=podman, buildah, docker or none; IMAGE=name:tag)
	@packaging/container/build.sh $(IMAGE)

.PHONY: run
run: build ## build, and run the agent in the foreground (MANAGER=host for a real manager)
	@packaging/run.sh $(TIERCEL) $(MANAGER)

.PHONY: test
test: test-deps ## build and run every test through ctest (as root: the live tests load BPF)
	@mkdir -p $(BUILD)
	@tests/run.sh $(JOBS)

.PHONY: soak
soak: build test-deps ## the tests in their long form: 100,000 execs, outages, 2 million random rules, seeded faults, arm64
	@packaging/install-dependencies.sh attacks package-lint shells cross-host cross-test
	@tests/soak.sh $(JOBS)

.PHONY: kernel-test
kernel-test: build attack-deps ## on Debian's kernels 6.1 and 6.12 in QEMU, every way to attach (KERNEL_ARGS="--kernels 6.12 --ways kprobe")
	@cmake --build $(BUILD)/release -j $(JOBS)
	@python3 tests/kernel/matrix/run.py --tiercel $(TIERCEL) --programs $(BUILD)/release/tests/kernel $(KERNEL_ARGS)

.PHONY: bench
bench: test-deps build ## what the agent costs, interleaved, into build/bench (PEER="command" for another sensor)
	@cmake --build $(BUILD)/release -j $(JOBS)
	@python3 tests/bench/match.py --tiercel $(TIERCEL) --programs $(BUILD)/release/tests $(MATCH_ARGS)
	@python3 tests/bench/look.py --tiercel $(TIERCEL) --programs $(BUILD)/release/tests $(LOOK_ARGS)
	@python3 tests/bench/latency.py --tiercel $(TIERCEL) --programs $(BUILD)/release/tests $(LATENCY_ARGS)
	@python3 tests/bench/delivery.py --tiercel $(TIERCEL) --programs $(BUILD)/release/tests $(DELIVERY_ARGS)
	@python3 tests/bench/respond_latency.py --tiercel $(TIERCEL) --user
	@python3 tests/bench/suite.py --tiercel $(TIERCEL) --programs $(BUILD)/release/tests --out $(BUILD)/bench $(if $(PEER),--peer "$(PEER)") $(BENCH_ARGS)

.PHONY: attacks
attacks: build attack-deps ## every detection against real attacks and harmless twins, and all of them beside honest work
	@python3 tests/attacks/run.py --tiercel $(TIERCEL) --json $(BUILD)/attacks.json $(ATTACK_ARGS)
	@python3 tests/attacks/benign.py --tiercel $(TIERCEL) --attacks $(BUILD)/attacks.json
	@python3 tests/attacks/writeups.py --tiercel $(TIERCEL)
	@python3 tests/attacks/conjuncts.py --tiercel $(TIERCEL)

.PHONY: deb rpm
ifneq ($(filter-out x86 x86_64 $(shell dpkg --print-architecture 2>/dev/null),$(ARCH)),)
deb rpm: cross-build
	@packaging/cross.sh $(ARCH) packaging/package.sh $@ --build $(BUILD)/release-$(ARCH) --arch $(ARCH)
	@packaging/cross.sh $(ARCH) python3 packaging/portability.py $(BUILD)/release-$(ARCH)/tiercel
else
deb: build ## build/packages/tiercel_VERSION_ARCH.deb, for Debian 12, Ubuntu 22.04 and later (ARCH=arm64: a cross build)
	@packaging/install-dependencies.sh packages
	@packaging/package.sh deb
	@python3 packaging/portability.py $(TIERCEL)
rpm: build ## build/packages/tiercel-VERSION-1.ARCH.rpm, for Fedora, RHEL 9 and their like (ARCH=arm64: a cross build)
	@packaging/install-dependencies.sh packages
	@packaging/package.sh rpm
	@python3 packaging/portability.py $(TIERCEL)
endif

.PHONY: cross-build
cross-build: # TARGETS: what is built
	@packaging/install-dependencies.sh cross-host
	@packaging/cross.sh $(ARCH) cmake --preset release-$(ARCH) >$(BUILD)/release-$(ARCH)-configure.log || { cat $(BUILD)/release-$(ARCH)-configure.log; exit 1; }
	@packaging/cross.sh $(ARCH) cmake --build $(BUILD)/release-$(ARCH) --target $(or $(TARGETS),tiercel_program) -j $(JOBS)

.PHONY: fuzz
fuzz: test-deps ## every fuzz target for FUZZ_SECONDS (default 60)
	@mkdir -p $(BUILD)
	@cmake --preset dev >$(BUILD)/dev-configure.log 2>&1 || { cat $(BUILD)/dev-configure.log; exit 1; }
	@cmake --build $(BUILD)/dev -j $(JOBS)
	@TIERCEL_FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) ctest --test-dir $(BUILD)/dev -L fuzz -j $(JOBS) --output-on-failure

.PHONY: docs wazuh-content checklist
docs: build wazuh-content ## the pages that come from the program's tables, the manager's rules, what the rules cover
	@for page in fields events operators codes evasions; do $(TIERCEL) $$page --format markdown >docs/reference/$$page.md || exit 1; done
	@$(TIERCEL) config keys --format markdown >docs/reference/configuration.md
	@$(TIERCEL) config keys --format json-schema >docs/reference/tiercel.schema.json
	@$(TIERCEL) help --format man >packaging/man/tiercel.8
	@$(TIERCEL) help --format man --page tiercel.yaml >packaging/man/tiercel.yaml.5
	@python3 tests/checklist/falco_page.py $(TIERCEL)
	@$(TIERCEL) rules coverage --format markdown -o rules/COVERAGE.md rules
	@$(TIERCEL) rules coverage --format svg -o rules/coverage.svg rules
	@$(TIERCEL) rules coverage --format navigator -o rules/attack_navigator_layer.json rules
wazuh-content: build ## what a Wazuh manager gets, made from the rule files; for 5.x a preview
	@$(TIERCEL) rules export wazuh4 -o rules/wazuh/4.x/tiercel_shipped_rules.xml rules
	@$(TIERCEL) rules export wazuh4 --part sums -o rules/wazuh/4.x/tiercel_sums_rules.xml rules
	@$(TIERCEL) rules export wazuh4 --part responses --ids rules/wazuh/4.x/tiercel_shipped_rules.xml \
		-o packaging/wazuh-manager/active-response.xml rules
	@$(TIERCEL) rules export wazuh5 -o rules/wazuh/5.x/tiercel_rules.yml rules
.PHONY: dashboard
dashboard: test-deps ## siem/dashboard: the saved objects that panels.yaml describes, and their pictures
	@/usr/bin/python3 siem/dashboard/build.py
	@/usr/bin/python3 tests/dashboard/draw.py
checklist: test-deps ## docs/reference/checklist.md: behaviours, the tests that pin them, results
	@mkdir -p $(BUILD)
	@cmake --preset dev >$(BUILD)/dev-configure.log 2>&1 || { cat $(BUILD)/dev-configure.log; exit 1; }
	@cmake --build $(BUILD)/dev --target unit_tests -j $(JOBS)
	@TIERCEL_SHARED=$${TIERCEL_SHARED:-../shared} python3 tests/checklist/checklist.py \
		--unit-tests $(BUILD)/dev/tests/unit/unit_tests --write docs/reference/checklist.md

.PHONY: format lint
format: ## clang-format over everything
	@git ls-files '*.cpp' '*.h' | grep -vE '^(bpf|tests/kernel/programs)/' | xargs clang-format -i
lint: test-deps ## format, include edges, sizes, clang-tidy
	@mkdir -p $(BUILD)
	@cmake --preset dev >$(BUILD)/dev-configure.log 2>&1 || { cat $(BUILD)/dev-configure.log; exit 1; }
	@cmake --build $(BUILD)/dev --target bpf_objects >/dev/null
	@TIERCEL_LINT_ALL=1 ctest --test-dir $(BUILD)/dev -L lint --output-on-failure
