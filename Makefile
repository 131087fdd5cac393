# `make demo` and `make test` do all of their own set-up, once, in .venv; nothing outside this folder is touched.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

DISPLAYED := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname))

.PHONY: demo test clean

ifeq ($(DISPLAYED),)
demo: .venv/installed
	$(BIN)/fluorodenoise demo --headless --out demo-out
else
demo: .venv/with-viewer
	$(BIN)/fluorodenoise demo --out demo-out
endif

test: .venv/for-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

clean:
	rm -rf .venv demo-out

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "expected Python 3.11 or newer, found $$($(PYTHON) --version 2>&1); try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade 'pip>=25.1'  # the first that knows dependency groups
	@touch $@

.venv/installed: pyproject.toml constraints.txt | .venv/created
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

.venv/with-viewer: .venv/installed
	$(PIP) install --constraint constraints.txt 'napari[pyqt6]'
	@touch $@

.venv/for-tests: .venv/installed
	$(PIP) install --constraint constraints.txt --group dev
	@touch $@
