# Everything that is done with this project, each with one word. Needs make and Python 3.11 or later with venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
FUZZ_SECONDS ?= 1800
API_SECONDS ?= 600
# Of some tests, none may be of the one kind or the other: pytest then ends with 5.
NONE_IS_FINE := $(if $(ARGS),|| [ $$? -eq 5 ])
# As pip does where it copies: an editable install is left for the first start to compile, or for every one (PYTHONDONTWRITEBYTECODE).
COMPILE := $(BIN)/python -m compileall -q brevdue campaigns gateway web

.PHONY: demo test faults crowd fuzz check translations openapi api bench audit pictures clean

demo: $(VENV)/.installed  ## a mail becomes an SMS, the answer a mail; then keeps serving
	$(BIN)/brevdue demo $(ARGS)

test: check  ## the checks and all tests; ARGS="-k spf" for some of them
	$(COMPILE)
	$(BIN)/pytest -m "stopwatch and not slow" $(ARGS) $(NONE_IS_FINE)
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not stopwatch and not slow" --cov --cov-report=term $(ARGS) $(NONE_IS_FINE)

faults: $(VENV)/.installed-dev  ## the long form of tests/faults, an hour: 200 kills, 50 power cuts, faults that last a minute
	$(BIN)/pytest tests/faults -m slow -s $(ARGS)

crowd: $(VENV)/.installed-dev  ## lists and pages with 100,000 accounts and 1,000,000 messages, on a machine that does nothing else
	$(BIN)/pytest tests/integration/test_crowd.py tests/e2e/pages/test_many.py -m slow -s $(ARGS)

check: $(VENV)/.installed-dev  ## style, types, import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

translations: $(VENV)/.installed-dev  ## every text of the code into the catalogs, gone ones out of them; says what is to be translated
	$(BIN)/python -m gateway.catalogs

openapi: $(VENV)/.installed-dev  ## the API's description into docs/api/openapi.json; look at the difference: it is one for all who call
	$(BIN)/python -m web.api.document

api: $(VENV)/.installed-dev  ## whatever a call may hold, for every operation of the API: API_SECONDS=600 for longer
	API_SECONDS=$(API_SECONDS) $(BIN)/pytest tests/api/test_any_call.py -s $(ARGS)

bench: $(VENV)/.installed-dev  ## speed and cost beside what people use today; ARGS=--short, ARGS=relay for one row
	bench/install
	$(BIN)/python -m bench $(ARGS)

fuzz: $(VENV)/.installed-dev  ## look for input that breaks a promise: half an hour for each reader; FUZZ_SECONDS=60 for less
	for target in $$($(BIN)/python -m tests.fuzz); do $(BIN)/python -m tests.fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; done

audit: $(VENV)/.installed-dev  ## known weaknesses in what we stand on
	$(BIN)/pip-audit --skip-editable

pictures: $(VENV)/.installed-dev  ## the pages that README.md shows, into docs/images; needs chromium
	$(BIN)/python -m tests.pictures

clean:  ## whatever the words above have made
	rm -rf $(VENV) build dist demo .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzz
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name another one with PYTHON="; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "this Python has no venv: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(BIN)/python -m pip install --quiet --editable '.[postgres]'
	$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	$(BIN)/python -m pip install --quiet --editable '.[postgres]' --group dev
	$(COMPILE)
	@touch $@ $(VENV)/.installed
