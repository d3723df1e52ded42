# Everything runs in .venv, which is made on first use: by uv where it is installed, else by venv and pip.
# Needs Python 3.11 or newer, and installs nothing outside of this folder.

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# The first interpreter that is new enough; a Mac's own python3 is 3.9.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
# What can only run on a Mac is left out elsewhere; `make test MARKS=long` runs the long forms.
MARKS ?= not long$(if $(filter Darwin,$(shell uname -s)),, and not macos)
TESTS ?= tests
ARGS ?=

.PHONY: help demo test check format bench clean

help:
	@echo "make demo    show Nightporter at work: half a minute, touches nothing of yours"
	@echo "make test    run every test that this machine can run, and name those it cannot"
	@echo "make check   lint, format, types, imports"
	@echo "make format  mend what 'make check' finds, where a program can"
	@echo "make bench   measure the fast path"

demo: $(VENV)/.made-to-run
	@$(BIN)/nightporter demo $(ARGS)

test: $(VENV)/.made-to-test
	@$(BIN)/python -m pytest -q -rs -n auto -m "$(MARKS)" $(ARGS) $(TESTS)

check: $(VENV)/.made-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.made-to-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.made-to-test
	@$(BIN)/python -m tests.bench.scan
	@$(BIN)/python -m tests.bench.end_to_end

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build

# What the program itself needs. `--inexact`: what the tests need may be there already, and stays.
$(VENV)/.made-to-run: pyproject.toml uv.lock
ifneq ($(UV),)
	@uv sync --quiet --locked --inexact --no-default-groups --extra re2
else
	@$(call venv,)
endif
	@touch $@

# That, and all that the tests need.
$(VENV)/.made-to-test: pyproject.toml uv.lock
ifneq ($(UV),)
	@uv sync --quiet --locked --extra re2
else
	@$(call venv,--group dev --group real)
endif
	@touch $@ $(VENV)/.made-to-run

# Dependency groups came with pip 25.1.
define venv
test -n "$(PYTHON)" || { echo "Nightporter needs Python 3.11 or newer: https://www.python.org/downloads/" >&2; exit 1; }; \
test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV); \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'; \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[re2]' $(1)
endef
