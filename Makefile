# The words a person and CI use. Each works on a fresh machine with Python 3.11+, make and nothing else prepared.
#   make demo              three pretend devices, the relay and a pretend Microsoft 365 on this machine; ARGS=--once to end by itself
#   make test              sets up what testing needs, then runs all tests; ARGS="-k spool" to choose
#   make check             lint, format, types, floors and house rules
#   make bench             the figures, beside Postfix, in one run; ARGS=… goes to the benchmark
#   make soak              every fault at random against the sandbox for MINUTES=…, then the crash and fuzz tests, longer;
#                          SEED=… repeats the dice, ROUNDS=… kills, CASES=… conversations
#   make screenshots       the pictures in docs/images, taken by the browser tests
#   make docs              what is printed out of the code: example configuration, reference, verdicts, schema, command line
#   make man               the man pages, into build/man
#   make site              the manual as pages for a browser, in build/site
#   make deb               a Debian package in dist, for the Debian or Ubuntu that this is
#   make venv              the relay alone, in .venv; make dev: with what the other words need (they call it)
#   make constraints       the pinned versions, made anew from pyproject.toml

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/runtime
STAMP := .venv/installed
ROUNDS ?= 500
CASES ?= 2000
MINUTES ?= 10
SEED ?=

# The relay is started hundreds of times: bytecode is kept, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench soak screenshots docs man site venv deb constraints

demo: venv
	@$(BIN)/relay demo $(ARGS)

test: dev
	@tests/setup
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/house/rules.py

bench: dev
	@tests/setup
	$(BIN)/python -m bench $(ARGS)

soak: dev
	@tests/setup
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))
	RELAY_CRASH_KILLS=$(ROUNDS) RELAY_FUZZ=$(CASES) RELAY_OUTAGE=10000 $(BIN)/python -m pytest \
	  tests/crash tests/fuzz tests/delivery/test_long_outage.py --timeout 0 $(ARGS)

screenshots: dev
	@tests/setup
	RELAY_SCREENSHOTS=1 $(BIN)/python -m pytest -n 0 tests/browser $(ARGS)

docs: dev
	$(BIN)/relay example > config.example.yaml
	$(BIN)/python -m relay.config.reference manual > docs/reference/settings.md
	$(BIN)/python -m relay.policy.verdict_page > docs/reference/verdicts.md
	$(BIN)/python -m relay.policy.sender_page > docs/reference/from-policy.md
	$(BIN)/python -m relay.telemetry.events_page > docs/reference/events.md
	$(BIN)/python -m relay.control.status_page > docs/reference/status.md
	$(BIN)/python -m relay.web.metrics_page > docs/reference/metrics.md
	$(BIN)/python -m relay.web.openapi > docs/reference/openapi.json
	$(BIN)/python -m relay.web.api_page > docs/reference/api.md
	$(BIN)/relay schema > docs/reference/relay.schema.json
	$(BIN)/python -m relay.cli.cli_page > docs/reference/cli.md

man: venv
	$(BIN)/python -m relay.cli.manpages build/man

site: dev
	$(BIN)/mkdocs build --quiet

deb: venv
	@PIP="$(BIN)/python -m pip" deploy/debian/build

# What the relay itself needs: that is all for whoever wants to see it or run it.
venv: $(RUNTIME)

# And what tests and checks need beside it.
dev: $(STAMP)

$(RUNTIME): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up .venv (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@$(BIN)/python -m compileall -q relay
	@touch $@

$(STAMP): $(RUNTIME)
	@echo "setting up what tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

constraints:
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@{ echo "# Versions the tests ran with. Made by: make constraints"; \
	   build/constraints/bin/python -m pip freeze --exclude m365-smtp-relay; } > constraints.txt
	@rm -rf build/constraints && wc -l constraints.txt
