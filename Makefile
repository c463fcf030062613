# Two commands matter: `make run` and `make test`. README.md says what each does.
.DEFAULT_GOAL := help
# The mutation test has a virtual environment of its own: nothing else needs what it installs.
MUTANTS_VENV := .venv-mutants

.PHONY: help run test bench mutants soak check lock clean-data browser
SHELL := /bin/bash

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
VENV_STAMP := $(VENV)/.made
RUN_STAMP := $(VENV)/.base-installed
# The type checker reads the settings, which want a key; this one signs nothing.
CHECK_KEY := .mypy_cache/secret_key
TEST_STAMP := $(VENV)/.test-installed

help:
	@echo "make run         set up and start everything at http://127.0.0.1:$(PORT) (PORT=8001 for another port)"
	@echo "make test        install what the tests need and run all of them"
	@echo "make check       lint, formatting, types and import layers"
	@echo "make bench       measure, and print ratios"
	@echo "make mutants     mutation test of the ledger's standalone verifier (long)"
	@echo "make soak        the ledger's long proofs: killed writers, thousands of attacks, a whole day"
	@echo "make lock        renew requirements/*.txt from requirements/*.in"
	@echo "make clean-data  delete the demo data, after asking"

run: $(RUN_STAMP)
	@exec $(BIN)/python manage.py up --port $(PORT)

test: $(TEST_STAMP) browser
	@exec $(BIN)/python -m pytest -n 2 $(ARGS)

bench: $(TEST_STAMP)
	@exec $(BIN)/python -m bench $(ARGS)

mutants: | $(VENV_STAMP)
	@$(BIN)/python -m venv $(MUTANTS_VENV)
	@$(MUTANTS_VENV)/bin/python -m pip install --disable-pip-version-check --quiet -r requirements/mutants.in
	@exec $(MUTANTS_VENV)/bin/python tests/mutants.py $(ARGS)

soak: $(TEST_STAMP)
	@$(BIN)/python -m bench soak $(ARGS)
	@CAREHOME_ATTACKS=5000 CAREHOME_SEED=$$RANDOM $(BIN)/python -m pytest tests/audit/test_attacks.py
	@CAREHOME_DAY_ACTS=10000 CAREHOME_SEED=$$RANDOM $(BIN)/python -m pytest tests/journeys/test_scripted_day.py

check: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@test -s $(CHECK_KEY) || { mkdir -p $(dir $(CHECK_KEY)); $(BIN)/python -c \
	  'import secrets; print(secrets.token_urlsafe(64))' > $(CHECK_KEY); }
	CAREHOME_SECRET_KEY_FILE=$(CHECK_KEY) $(BIN)/mypy .
	$(BIN)/lint-imports

# --universal keeps what older or newer Pythons need (Debian 12 has 3.11.2) with a marker.
lock: export PATH := $(abspath $(BIN)):$(PATH)
lock: $(TEST_STAMP)
	@command -v uv >/dev/null || { echo "make lock needs the program uv: $(BIN)/python -m pip install uv"; exit 1; }
	@for name in base s3 test; do \
	  echo "Resolving requirements/$$name.in"; \
	  uv pip compile requirements/$$name.in -o requirements/$$name.txt --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet || exit 1; \
	done

clean-data:
	@[ -d var ] || { echo "There is no data."; exit 1; }
	@read -r -p "Delete all data in var/, with its keys? Type yes: " answer && [ "$$answer" = yes ] \
	  || { echo "Nothing was deleted."; exit 1; }
	@flock --nonblock var/up.lock rm -rf var \
	  || { echo "carehome is running; stop it first. Nothing was deleted."; exit 1; }
	@echo "The data is deleted."

# --- the virtual environment ------------------------------------------------------------------------------------------
# Stamps say what is done, so that a second run skips it; an interrupted step has no stamp and is done again.
$(VENV_STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing: install python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $(PYTHON) is older (PYTHON=python3.12 after make names another)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing: install the package python3-venv."; exit 1; }
	@echo "Making the virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUN_STAMP): requirements/base.txt | $(VENV_STAMP)
	@echo "Installing what carehome needs"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

# test.txt holds everything of base.txt too.
$(TEST_STAMP): requirements/test.txt | $(VENV_STAMP)
	@echo "Installing what carehome and its tests need"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@ $(RUN_STAMP)

browser:
	@deploy/install-browser
