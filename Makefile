# Thin targets: `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types dbt metricflow superset vendor-parsers nightly fuzz clean

# The example company, built and queried: YAML to SQL to numbers.
demo: $(STAMP)
	$(BIN)/kpilayer demo .

# Everything: lint, types and tests. ARGS goes to pytest, e.g. make test ARGS="-k ratio".
test: $(STAMP) lint types
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# dbt, for tests/dbt, in an environment of its own: its pins hold back mypy. DuckDB is the same one,
# so that both read the same files.
DBT_STAMP := .venv-dbt/.installed
dbt: $(DBT_STAMP)

$(DBT_STAMP): tests/dbt/requirements.txt $(STAMP)
	$(PYTHON) -m venv .venv-dbt
	.venv-dbt/bin/python -m pip install --quiet --disable-pip-version-check -r tests/dbt/requirements.txt "duckdb==$$($(BIN)/python -c 'import duckdb; print(duckdb.__version__)')"
	touch $@

# MetricFlow, for tests/parity: it only writes SQL, which runs on our own DuckDB.
METRICFLOW_STAMP := .venv-metricflow/.installed
metricflow: $(METRICFLOW_STAMP)

$(METRICFLOW_STAMP): tests/parity/requirements.txt
	$(PYTHON) -m venv .venv-metricflow
	.venv-metricflow/bin/python -m pip install --quiet --disable-pip-version-check -r tests/parity/requirements.txt
	touch $@

# Superset, for tests/superset. DuckDB is the same one, so that both read the same files.
SUPERSET_STAMP := .venv-superset/.installed
superset: $(SUPERSET_STAMP)

$(SUPERSET_STAMP): $(addprefix tests/superset/,requirements.txt constraints.txt) $(STAMP)
	$(PYTHON) -m venv .venv-superset
	.venv-superset/bin/python -m pip install --quiet --disable-pip-version-check -r tests/superset/requirements.txt -c tests/superset/constraints.txt "duckdb==$$($(BIN)/python -c 'import duckdb; print(duckdb.__version__)')"
	touch $@

# What reads SQL as SQL Server and Trino do, for tests/vendor.
PARSERS_STAMP := .vendor/.installed
vendor-parsers: $(PARSERS_STAMP)

$(PARSERS_STAMP): $(addprefix tests/vendor/,fetch.sh package.json trino.mjs velox.py) $(STAMP)
	tests/vendor/fetch.sh $(BIN)/python
	touch $@

# The same with many more random cases than a commit should wait for, and all tests of slow engines.
# MySQL too: on a server of its own unless one is named, or with a word on why there is none.
# Parsers that cannot be fetched are skipped.
nightly: $(STAMP)
	-$(MAKE) vendor-parsers
	-$(MAKE) superset
	if [ -z "$$KPILAYER_TEST_MYSQL" ]; then \
	  trap 'tests/engines/mysql_server stop' EXIT; \
	  export KPILAYER_TEST_MYSQL="$$(tests/engines/mysql_server start)"; \
	fi; \
	KPILAYER_HYPOTHESIS=nightly KPILAYER_NIGHTLY=1 $(BIN)/python -m pytest $(ARGS)
	$(BIN)/python -m tests.oracle.run --count 100000 --seed $$(date +%Y%m%d) --workers 2
	$(BIN)/python -m tests.proof.campaign --count 1000 --seed $$(date +%Y%m%d) --workers 2
	$(BIN)/python -m tests.fuzz.run --seed $$(date +%Y%m%d)

# Fuzzing guided by coverage, which needs Linux: make fuzz TARGET=where COUNT=100000
TARGET ?= yaml
COUNT ?= 20000
fuzz: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fuzz]"
	$(BIN)/python -m tests.fuzz.run $(TARGET) --atheris --count $(COUNT)

$(STAMP): pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('kpilayer needs Python 3.11 or newer') if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) .venv-dbt .venv-metricflow .venv-superset .vendor target .kpilayer .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
