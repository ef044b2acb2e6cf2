# The front doors: `make demo`, what it leaves behind, and `make test`. Each sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
STORE := runs/demo
MINUTES ?= 3
# The versions of uv.lock, which were tested; `make CONSTRAINTS=/dev/null` takes the newest that pyproject.toml allows.
CONSTRAINTS ?= .venv/constraints.txt
# Tests run side by side, by file, in the order of their folders: the long ones are in the first.
# tests/conftest.py lets a long one of the last begin before all.
WORKERS ?= 4
# In an environment of its own: it asks for other versions of what we use. It needs the network to be installed, not to scan.
CHECKOV := 3.3.30
# Python starts some hundred times in the tests: what one has compiled the others read, also where the environment says no.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo dashboard play test test-long test-docker check format lock clean

help:  ## Show this
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST)

demo: .venv/demo  ## Train Connect Four for three minutes, print the leaderboard, export the champion
	$(BIN)/league train --store $(STORE) --game connect_four --minutes $(MINUTES)
	$(BIN)/league leaderboard --store $(STORE)
	$(BIN)/league export champion --store $(STORE) --output $(STORE)/champion.onnx
	@echo "Look at it, and at replays of its matches: make dashboard"
	@echo "Play against its champion: make play"

dashboard: .venv/demo  ## Show the demo's league in the browser
	$(BIN)/league dashboard --store $(STORE)

play: .venv/demo  ## Play against the demo's champion
	$(BIN)/league play champion --store $(STORE) --hints

test: .venv/dev  ## Run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-long: .venv/dev  ## Run the long tests: whole leagues, clusters of several nodes, the death of every part
	$(BIN)/python -m pytest -m long -n 3 --dist loadfile --no-loadscope-reorder

test-docker: .venv/dev  ## Build the image and run a league on two machines by `ray up`; needs root and Docker
	$(BIN)/python -m pytest -m docker -rs tests/docker

check: .venv/dev .venv/checkov/$(CHECKOV)  ## Lint, types, import contracts, and what Checkov says of manifests and Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python k8s/scan.py .venv/checkov/bin/checkov

format: .venv/dev  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/dev  ## Write uv.lock anew, with the versions of cluster/constraints.txt where they have one
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet uv
	.venv/lock/bin/uv lock $$(sed -n 's/^[^#].*==.*/--upgrade-package &/p' cluster/constraints.txt)

clean:  ## Remove the virtual environment and all caches, never a league
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A dot every few seconds: pip says nothing for minutes, or hundreds of lines.
define install
	@while sleep 3 && kill -0 $$$$ 2>/dev/null; do printf .; done & dots=$$!; \
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable $(WHAT); \
	status=$$?; kill $$dots; echo; exit $$status
	@touch $@
endef

.venv/bin/python:
	@echo "Setting up .venv: torch and Ray take some minutes, this once"
	$(PYTHON) -m venv .venv

.venv/constraints.txt: .venv/bin/python uv.lock cluster/locked.py
	$(BIN)/python cluster/locked.py > $@

.venv/demo: WHAT = '.[onnx,dashboard]' onnxruntime
.venv/demo: .venv/constraints.txt pyproject.toml
	$(install)

.venv/dev: WHAT = '.[dev]'
.venv/dev: .venv/constraints.txt pyproject.toml
	$(install)
	@touch .venv/demo

.venv/checkov/$(CHECKOV): .venv/bin/python
	$(PYTHON) -m venv .venv/checkov
	.venv/checkov/bin/python -m pip install --quiet checkov==$(CHECKOV)
	@touch $@
