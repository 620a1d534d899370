# Every task of the project.  `make` lists them.
# Needs Python 3.11 or later (with venv) and make; everything else comes from the hashed locks.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

# The first Python of 3.11 or later that runs and can make environments; PYTHON=… chooses another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
    $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; \
    done)
VENV := .venv
BIN := $(VENV)/bin
CX := $(BIN)/cx
DATA := $(or $(CX_DATA_DIR),data)
INBOX := $(or $(CX_INBOX_DIR),$(DATA)/inbox)
CHECKED := cx_pipeline tests tools benchmarks
PYTEST := $(BIN)/python -m pytest

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_TELEMETRY_ENABLED := false

##@ Use it

.PHONY: nightly
nightly: $(CX) ## Run the night (a sample is written if the inbox is empty), show the scorecard
	if ! find '$(INBOX)' -type f -print -quit 2>/dev/null | grep -q .; then
	    echo "The inbox $(INBOX) is empty: writing a sample company into it."
	    $(CX) sample '$(INBOX)'
	fi
	$(CX) nightly
	echo
	echo "Look at it next (source $(BIN)/activate, then cx; or $(CX)):"
	echo "  cx query \"select period_start, value, ci_low, ci_high, n from marts.kpis where kpi = 'nps' and grain = 'month' and dimension = 'all' order by period_start\""
	echo "  cx scorecard --grain week"
	echo "  cx doctor"
	echo "  make ui          the asset graph, runs and checks in a browser"

.PHONY: ui
ui: $(CX) ## Open the Dagster UI and its schedule on 127.0.0.1
	exec $(CX) ui

##@ Change it

.PHONY: test
test: $(VENV)/.dev ## Run every test (the browser and the long torture apart)
	$(PYTEST) -n auto --dist loadfile --no-loadscope-reorder -m 'not e2e and not long'

.PHONY: e2e
e2e: $(VENV)/.dev ## Look at the UI and the scorecard page in a headless Chromium (installed by apt-get where that is allowed)
	command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -qq -y --no-install-recommends chromium fonts-nanum; } || true
	$(PYTEST) -m e2e tests/e2e

.PHONY: torture
torture: $(VENV)/.dev ## Kill nights and pulls at random moments, storm the connectors, walk 100 000 tickets; KILLS=20, SEED=any number
	TORTURE_MOMENTS='$(or $(KILLS),20)' $(if $(SEED),TORTURE_SEED='$(SEED)') $(PYTEST) -m torture

.PHONY: bench
bench: $(VENV)/.dev ## Measure, and print ratios; SCALE=1000000 tickets, answers
	$(BIN)/python -m benchmarks.intervals
	$(BIN)/python -m benchmarks.signals
	$(BIN)/python -m benchmarks.contrasts
	$(BIN)/python -m benchmarks.empty_night
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.packing
	$(BIN)/python -m benchmarks.file_drops --scale '$(or $(SCALE),1000000)'
	$(BIN)/python -m benchmarks.gate --scale '$(or $(SCALE),1000000)'
	$(BIN)/python -m benchmarks.tickets --scale '$(or $(SCALE),100000)'
	$(BIN)/python -m benchmarks.answers --scale '$(or $(SCALE),100000)'
	$(BIN)/python -m benchmarks.full_rebuild --scale '$(or $(SCALE),100000)'
	$(BIN)/python -m benchmarks.full_rebuild --beside polars --scale '$(or $(SCALE),100000)'
	$(BIN)/python -m benchmarks.full_rebuild --beside pandas --scale '$(or $(SCALE),100000)'
	$(BIN)/python -m benchmarks.memory --scale '$(or $(SCALE),100000)'
	$(BIN)/python -m benchmarks.tonight --scale '$(or $(SCALE),100000)'

.PHONY: lint
lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)

.PHONY: types
types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

.PHONY: sql-lint
sql-lint: $(VENV)/.dev ## sqlfluff
	$(BIN)/sqlfluff lint --processes 0 dbt_project/models

.PHONY: format
format: $(VENV)/.dev ## Format the Python and the SQL
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/sqlfluff fix dbt_project/models

.PHONY: docs
docs: $(VENV)/.dev ## Write the pages that are made from the code
	$(BIN)/python -m tools.settings_page > docs/settings.md.new
	mv docs/settings.md.new docs/settings.md
	$(BIN)/python -m tools.kpi_marts

.PHONY: hooks
hooks: $(VENV)/.dev ## Run the checks before every commit
	$(BIN)/pre-commit install

.PHONY: lock
lock: $(VENV)/.dev ## Resolve the requirements anew, with hashes
	lock() {
	    CUSTOM_COMPILE_COMMAND='make lock' UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet \
	        --generate-hashes --no-emit-index-url --no-strip-extras --python-version 3.11 \
	        pyproject.toml "$$@"
	}
	lock --upgrade --output-file requirements.lock
	lock --upgrade --extra dev --constraint requirements.lock --output-file requirements-dev.lock

.PHONY: clean
clean: ## Delete the environment and caches; never the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## List the tasks
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment.  A stamp tells that a lock is installed; a changed lock is installed anew.  pip installs
# without compiling and compileall does it once on every core, which takes half the time.

define install
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement $(1)
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib || true
endef

$(VENV)/.made:
	if [ -z '$(PYTHON)' ]; then
	    echo "Python 3.11 or later with venv is needed, and none runs here: install it (on Debian and Ubuntu" \
	        "the packages python3 and python3-venv), or name one: make PYTHON=/path/to/python3.11" >&2
	    exit 1
	fi
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.runtime: requirements.lock $(VENV)/.made
	echo "Installing what the pipeline needs into $(VENV) (once; about a minute) …"
	$(call install,requirements.lock)
	touch $@

$(VENV)/.dev: requirements-dev.lock $(CX)
	echo "Installing what the tests need …"
	$(call install,requirements-dev.lock)
	touch $@

# The project itself needs no build: a path file makes it importable, a script is its command.
$(CX): tools/cx.sh $(VENV)/.runtime
	$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "cx_pipeline.pth").write_text("$(CURDIR)\n")'
	install -m 755 tools/cx.sh $@
