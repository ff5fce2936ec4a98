# Every target sets up what it needs by itself, in .venv and node_modules; nothing is installed system-wide.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DRIVER := tests/interop/driver
NODE_STAMP := $(DRIVER)/node_modules/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Many tests wait for others' processes more than they work.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() * 3 // 2 or 2)')
FAST := tests/unit tests/vectors tests/property tests/store tests/contract
# What the interpreter's version may change: threads, sockets, the database, what is made of bytes; and one account as a whole.
ELSEWHERE := tests/vectors tests/property tests/store tests/unit/connection tests/unit/events tests/unit/sessions tests/e2e/test_library.py

.DEFAULT_GOAL := help
.PHONY: help setup node demo run emulator check fmt lint types imports test test-all-pythons unit vectors \
        interop e2e crash hostile fuzz bench proto audit lock clean

help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "waport needs Python 3.11 or newer (PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "the venv module is missing: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP)  ## make .venv with everything that development needs

$(NODE_STAMP): $(STAMP) $(DRIVER)/package.json $(DRIVER)/package-lock.json
	cd $(DRIVER) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

node: $(NODE_STAMP)  ## install the independent client that the interop tests run

demo: $(STAMP)  ## emulator, server and a linked account that exchange messages, all on this machine
	$(BIN)/waport demo $(ARGS)

run: $(STAMP)  ## the server, with the settings of the environment and of .env
	$(BIN)/waport serve

emulator: $(STAMP)  ## the emulator alone, state in memory
	$(BIN)/waport emulator --state :memory:

check: fmt lint types imports  ## format, lint, types, import rules

fmt: $(STAMP)
	$(BIN)/ruff format --check --quiet .

lint: $(STAMP)
	$(BIN)/ruff check --quiet .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports --no-cache

test: $(STAMP) $(NODE_STAMP) test-all-pythons  ## all tests here, and on every other Python those that its version may change
	$(BIN)/pytest -n $(JOBS) --dist loadscope -q

unit: $(STAMP)  ## the fast tests alone
	$(BIN)/pytest -q $(FAST)

vectors: $(STAMP)
	$(BIN)/pytest -q tests/vectors

interop: $(STAMP) $(NODE_STAMP)
	$(BIN)/pytest -q tests/interop

e2e: $(STAMP)
	$(BIN)/pytest -q tests/e2e

crash: $(STAMP)  ## kill the server KILLS (240) times under load, and count what was lost or doubled
	PYTHONPATH=tests $(BIN)/python -m crash --kills $(or $(KILLS),240) $(ARGS)

hostile: $(STAMP)  ## damaged inputs, sealed anew, into live clients and servers
	$(BIN)/pytest -q tests/hostile

fuzz: $(STAMP)  ## coverage-blind fuzzing of every decoder, for SECONDS (60)
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --seconds $(or $(SECONDS),60)

test-all-pythons: $(STAMP)
	@own=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	newest=$$(sh tests/pythons.sh | tail -n 1 | cut -d ' ' -f 1); \
	sh tests/pythons.sh | while read -r version python; do \
	  [ "$$version" = "$$own" ] && continue; \
	  tests="tests/vectors tests/property"; \
	  [ "$$version" = "$$newest" ] && tests="$(ELSEWHERE)"; \
	  env=".venv-$$version"; \
	  if [ ! -e "$$env/.installed" ] || [ requirements/dev.lock -nt "$$env/.installed" ]; then \
	    "$$python" -m venv "$$env" && \
	    "$$env/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r requirements/dev.lock && \
	    "$$env/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable . && \
	    touch "$$env/.installed" || exit 1; \
	  fi; \
	  echo "Python $$version"; \
	  "$$env/bin/python" -m pytest -n $(JOBS) --dist loadscope -q -p no:cacheprovider $$tests || exit 1; \
	done

bench: $(STAMP) $(NODE_STAMP)  ## figures beside Baileys, measured in one run
	$(BIN)/python -m benchmarks $(ARGS)

proto: $(STAMP)  ## regenerate src/waport/proto from proto/whatsapp.proto
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=src/waport/proto --pyi_out=src/waport/proto proto/whatsapp.proto

conformance: $(STAMP)  ## how the operations of the older servers are served, counted by group
	PYTHONPATH=tests $(BIN)/python -m contract.conformance

audit: $(STAMP)  ## known weaknesses of the dependencies; asks an advisory source, so it is no part of check
	$(BIN)/uv tool run --from 'pip-audit>=2.9,<3' pip-audit --strict --disable-pip --require-hashes -r requirements/dev.lock $(ARGS)

lock: $(STAMP)  ## write the lock files anew: versions and hashes only
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --upgrade pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --upgrade --extra dev pyproject.toml -o requirements/dev.lock
	cd $(DRIVER) && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --package-lock-only --ignore-scripts --no-audit --no-fund

clean:
	rm -rf .venv .venv-3.* $(DRIVER)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
