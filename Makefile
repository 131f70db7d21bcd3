# Thin targets: `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types nightly clean

# The example company, built and queried: YAML to SQL to numbers.
demo: $(STAMP)
	$(BIN)/kpilayer demo .

# Everything: lint, types and tests. ARGS goes to pytest, e.g. make test ARGS="-k ratio".
test: $(STAMP) lint types
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# The same with many more random cases than a commit should wait for.
nightly: $(STAMP)
	KPILAYER_HYPOTHESIS=nightly $(BIN)/python -m pytest $(ARGS)

$(STAMP): pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('kpilayer needs Python 3.11 or newer') if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) target .kpilayer .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
