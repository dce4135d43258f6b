# Short verbs; `make help` lists them. Everything lands below .venv and .data.

# The Python to make .venv with: PYTHON=/path/to/python3 overrides the search.
PYTHON ?=
# What `make test` runs: TESTS=tests/contracts narrows, and leaves the checks of `make lint` out.
TESTS ?=
# More options for pytest.
PYTEST ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --requirement
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

# What a site in production would set, for Django's own checks.
PRODUCTION := SPINNAKER_HOSTS=cd.example.com SPINNAKER_HTTPS=1 SPINNAKER_AGENT_TOKEN=token \
	SPINNAKER_SECRET_KEY=zq3b7VXk9dLw2mRt8pYc4hNf6sJg1aTe5uQo0iKxBnMvEyWlDr

.PHONY: help run demo test long faults lint bench lock

help: ## list these verbs
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 8

run: .venv/installed ## run the whole platform on this host (PORT=8000, DATA_DIR=.data)
	@exec $(BIN)/python manage.py up

demo: .venv/installed ## watch a guided tour against what `make run` runs
	@exec $(BIN)/python manage.py demo

test: .venv/installed-dev $(if $(TESTS),,lint) ## check and test everything (TESTS=tests/contracts narrows)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(if $(TESTS),,-m "not long") $(PYTEST) $(TESTS)

long: .venv/installed-dev ## the tests that take too long for every day
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long $(PYTEST)

faults: .venv/installed-dev ## kill a worker at every commit and provider call, not only at some
	SPINNAKER_FAULTS=points $(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST) tests/faults/test_sweep.py

lint: .venv/installed-dev ## the checks that run no test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy clusters pipelines spinnaker_web
	$(BIN)/lint-imports --no-logo
	$(PRODUCTION) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml clusters pipelines spinnaker_web

bench: .venv/installed-dev ## measure and compare with the targets
	@exec $(BIN)/python -m bench

lock: ## pin requirements*.in again (needs uv)
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt

.venv/installed: requirements.txt | .venv/bin/pip
	@echo "Installing Python packages into .venv (once, about a minute)."
	@$(PIP) requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt | .venv/bin/pip
	@$(PIP) requirements-dev.txt
	@touch $@ .venv/installed

# pip is the last thing that venv makes: an interrupted attempt is made again.
.venv/bin/pip:
	@for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		$$python -c 'import ensurepip, venv' 2>/dev/null && exec $$python -m venv --clear .venv; \
		incomplete=$$python; \
	done; \
	if [ -n "$$incomplete" ]; then \
		version=$$($$incomplete -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "Python $$version cannot make a virtual environment: install the package python$$version-venv." >&2; \
	else \
		echo "Python 3.11 or newer is needed: install the package python3.11, or set PYTHON to one." >&2; \
	fi; \
	exit 1
