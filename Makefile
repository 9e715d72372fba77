# `make conformance` and `make test` set up what they need: only Python 3.11 or newer and make are assumed.
# Name a Python with `make PYTHON=/path/to/python`; otherwise it is the first usable one on the PATH.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c '$(USABLE)' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: conformance test test-long test-all test-exhaustive
.PHONY: lint book sample-report error-facts findings-table screenshots mutants bench bench-memory clean

# Everything is run with `python -m`: unlike scripts, that also works after the folder has been moved.
conformance: $(STAMP)  ## judge 5,120 random networks in each dtype and write a report
	$(BIN)/python -m backproof run --cases 5120 --dtype both --out reports/conformance

PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test: $(STAMP)  ## run all tests but the long ones, on up to four cores
	$(PYTEST)

test-long: $(STAMP)  ## run the long tests: every combination, every process, every installation
	$(PYTEST) -m long

test-all: $(STAMP)  ## run both in one go, which is quicker: what they share is imported, traced and compiled once
	$(PYTEST) --long

test-exhaustive: $(STAMP)  ## run the tests that go through all there is: an hour or more
	$(PYTEST) -m exhaustive

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

# Its verdicts are those of a run of 512 networks in each dtype, and of 256 compositions for the chain rule. Both
# are made here first, and made again when code that they judge or judge by is newer: that takes some minutes.
# Every figure is drawn while Sphinx runs. It reads all pages anew (-E), as they show code; a warning is an error.
JUDGED := $(wildcard refimpl/*.py oracles/*.py backproof/cases/*.py backproof/judging/*.py)
SPHINX = PYTHONPATH=docs $(BIN)/python -m sphinx -E -n -W --keep-going -q -b html -d build/doctrees

book: $(STAMP) reports/book/report.json reports/book/measured.json  ## make the book, build/book/index.html
	$(SPHINX) docs build/book
	@echo "the book is build/book/index.html"

reports/book/report.json: $(JUDGED) | $(STAMP)
	$(BIN)/python -m backproof run --cases 512 --dtype both --out reports/book

reports/book/measured.json: $(JUDGED) docs/book_directives/measured.py | $(STAMP)
	mkdir -p reports/book
	PYTHONPATH=docs $(BIN)/python -m book_directives.measured $@

sample-report: $(STAMP)  ## make the sample under reports/sample again: a mistake found and named
	rm -rf reports/sample
	$(BIN)/python -m backproof run --cases 100 --dtype float64 --activations identity,relu,sigmoid,softmax,tanh \
		--losses bce,cross_entropy,mse --oracles torch,jax --mistake derivative-of-output --out reports/sample \
		|| test $$? -eq 1  # that is what it is to find

error-facts: $(STAMP)  ## measure every function anew and write docs/error-facts.md
	$(BIN)/python tests/judging/error_facts_table.py

findings-table: $(STAMP)  ## make an atlas and write docs/findings-by-function.md
	$(BIN)/python -m tests.atlas.findings_table

screenshots: $(STAMP)  ## take the pictures in docs/images of reports/sample, in a Chromium of the system
	$(BIN)/python -m tests.browser.screenshots reports/sample/report.html docs/images/report.png
	$(BIN)/python -m tests.browser.screenshots reports/sample/report.html docs/images/cause.png --of cause-1

# mutmut is installed here only: nothing else needs it.
mutants: $(STAMP)  ## change refimpl in thousands of ways, and list the changes that no test notices
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[mutants]'
	rm -rf mutants
	nice -n 19 $(BIN)/python -m benchmarks.mutants

# On a machine that does nothing else.
bench: $(STAMP)  ## measure how fast all is, beside others: a quarter of an hour; writes benchmarks/results
	$(BIN)/python -m benchmarks.throughput --write
	$(BIN)/python -m benchmarks.reference --write

bench-memory: $(STAMP)  ## measure how much memory 10,000 and 200,000 cases take, and write it there, too
	$(BIN)/python -m benchmarks.throughput --memory --write

# The stamp comes last: an installation that was interrupted is taken up again, and a virtual environment
# that is not whole, or is of an older Python, is made anew. torch comes first and by its exact pin: that is
# how pip finds the CPU build where one is at hand. The build backend is installed, so that it is pinned too.
$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -c '$(USABLE)' 2>/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1 \
	|| { "$(PYTHON)" -c '$(USABLE)' 2>/dev/null \
		|| { echo "backproof needs Python 3.11 or newer with venv; none was found on the PATH" >&2; exit 2; }; \
		"$(PYTHON)" -m venv --clear $(VENV); }
	@echo "installing into $(VENV); the first time this takes some minutes"
	$(BIN)/python -m pip install --quiet -c constraints.txt "$$(grep '^torch==' constraints.txt)" hatchling
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build dist mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
