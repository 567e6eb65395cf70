# make demo   installs what it needs and shows a real safety case
# make test   installs what it needs and runs the tests
# make check  what CI runs before the tests: lint, types, import directions, docs drift
# make help   the rest

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := 1
export UV_NO_PROGRESS := 1
unexport VIRTUAL_ENV PYTHONPATH

UV := .tools/bin/uv
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo demo-hardened test heavy fuzz check lint types imports docs docs-check docs-site self format lock bench clean dev

help: ## this page
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

dev: $(READY) ## the environment, locked with hashes, in .venv

demo: $(READY) ## a real safety case of an embedded AI service (about a minute)
	$(BIN)/safecase demo

demo-hardened: $(READY) ## the same service with what can be mended mended
	$(BIN)/safecase demo --hardened

test: $(READY) ## every test, in parallel
	$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

heavy: .heavy/.ready ## tests against real frameworks of machine learning, in an environment of their own
	.heavy/bin/python -m pytest -p no:cacheprovider -n auto --dist loadgroup -m heavy $(ARGS)

fuzz: $(READY) ## damaged files for every reader of artifacts, for a minute (ARGS='--seconds 600 FOLDER')
	$(BIN)/python tools/fuzz_readers.py $(ARGS)

check: $(READY) lint types imports docs-check ## lint, strict types, import directions, docs drift

lint: $(READY) ## ruff and deptry
	$(BIN)/ruff format --check src tests bench tools plugins
	$(BIN)/ruff check src tests bench tools plugins
	$(BIN)/deptry src

types: $(READY) ## mypy --strict
	$(BIN)/mypy

imports: $(READY) ## imports run downward only
	$(BIN)/lint-imports

docs: $(READY) ## write the reference pages and the compiled catalogue anew
	$(BIN)/python tools/compile_catalogue.py
	$(BIN)/python tools/reference.py

docs-check: $(READY) ## the reference pages and the compiled catalogue say what the code says
	$(BIN)/python tools/compile_catalogue.py --check
	$(BIN)/python tools/reference.py --check

docs-site: $(READY) docs ## the documentation as a site, in build/site
	$(UV) tool run --quiet --from mkdocs==1.6.1 mkdocs build --strict

self: $(READY) ## Safecase's own case
	$(BIN)/safecase gate

format: $(READY) ## ruff's formatter and its safe fixes
	$(BIN)/ruff format src tests bench tools plugins
	$(BIN)/ruff check --fix src tests bench tools plugins

bench: $(READY) ## the measured numbers of docs/benchmarks.md
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/core.py
	$(BIN)/python bench/catalogue.py
	$(BIN)/python bench/init.py

.heavy/.ready: requirements/heavy.txt pyproject.toml
	$(PYTHON) -m venv .heavy
	.heavy/bin/python -m pip install -q --disable-pip-version-check -e '.[firewall,gateway]' -r requirements/heavy.txt
	@touch $@

lock: $(UV) ## resolve the locked requirements anew
	tools/lock.sh

clean: ## remove everything that make made
	rm -rf .venv .heavy .tools safecase-demo .mypy_cache .ruff_cache .pytest_cache

$(UV): requirements/uv.txt
	$(PYTHON) -m pip install -q --disable-pip-version-check --require-hashes --no-deps --upgrade --target .tools -r requirements/uv.txt
	@touch $(UV)

$(READY): $(UV) requirements/dev.txt pyproject.toml
	$(UV) venv -q --clear --python $(PYTHON) .venv
	$(UV) pip install -q --python $(BIN)/python --require-hashes --no-deps --only-binary :all: -r requirements/dev.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)
