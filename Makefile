# `make conformance` and `make test` set up what they need: only Python 3.11 or newer and make are assumed.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: conformance test lint clean

conformance: $(STAMP)  ## judge 5,120 random networks in each dtype and write a report
	$(BIN)/backproof run --cases 5120 --dtype both --out reports/conformance

test: $(STAMP)  ## run all tests
	$(BIN)/python -m pytest

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# torch comes first and by its exact pin: that is how pip finds the CPU build where one is at hand.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "backproof needs Python 3.11 or newer; none was found on the PATH" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
