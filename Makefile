# Two commands from a fresh machine: `make demo` and `make test`. Needs Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
STEPS ?= 400
# Processes that test side by side. Each may take 1.5 GB of memory and starts children of its own.
JOBS ?= 2
BIN := $(VENV)/bin
RUN := $(BIN)/python -m SemiWeakSegLib

.PHONY: demo test lint clean

# The environment is made once and again whenever what it is made from changes.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: $(VENV)/installed
	rm -rf $(DEMO)/heart $(DEMO)/run
	$(RUN) phantom $(DEMO)/heart
	$(RUN) cohort check $(DEMO)/heart/cohort.json
	$(RUN) train $(DEMO)/run --cohort $(DEMO)/heart/cohort.json --method pseudo_label --steps $(STEPS)
	@echo "Open $(DEMO)/run/report/report.html"

test: $(VENV)/installed lint
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal --ignore=Testing/slicer
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal Testing/slicer

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) $(DEMO)/heart $(DEMO)/run *.egg-info
