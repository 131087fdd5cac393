# Every target does all of its own set-up, once, in .venv, .venv-nogui or .venv-pyside6; nothing else is touched.

PYTHON ?= python3
BIN := .venv/bin
PIP = $(@D)/bin/python -m pip --disable-pip-version-check --quiet
INSTALL = $(PIP) install --constraint constraints.txt

DISPLAYED := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname))

.PHONY: demo test test-nogui test-pyside6 bench clean

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

# all that runs without a window, or the NOGUI of it, where there is no Qt at all
test-nogui: .venv-nogui/for-tests
	.venv-nogui/bin/python -c 'import qtpy' 2>&1 | grep QtBindingsNotFoundError
	.venv-nogui/bin/python -m pytest -rs $(NOGUI)

# the windows, with the other Qt binding
test-pyside6: .venv-pyside6/for-tests
	.venv-pyside6/bin/python -m pytest tests/widgets

# the tables in docs/benchmarks.md and the README; a quarter of an hour on two cores
bench: .venv/installed
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf .venv .venv-nogui .venv-pyside6 demo-out

%/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "expected Python 3.11 or newer, found $$($(PYTHON) --version 2>&1); try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(@D)
	$(PIP) install --upgrade 'pip>=25.1'  # the first that knows dependency groups
	@touch $@

.venv/installed: pyproject.toml constraints.txt | .venv/created
	$(INSTALL) --editable .
	@touch $@

.venv/with-viewer: .venv/installed
	$(INSTALL) 'napari[pyqt6]'
	@touch $@

.venv/for-tests: .venv/installed
	$(INSTALL) --group dev
	@touch $@

.venv-nogui/for-tests: pyproject.toml constraints.txt | .venv-nogui/created
	$(INSTALL) --editable . --group core
	@touch $@

.venv-pyside6/for-tests: pyproject.toml constraints.txt | .venv-pyside6/created
	$(INSTALL) --editable . --group windows 'napari[pyside6]'
	@touch $@
