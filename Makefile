# What each target does: make help
PYTHONS = $(if $(PYTHON),$(PYTHON),.venv/bin/python python3.13 python3.12 python3.11 python3.14 python3)
BIN = .venv/bin
STACK = $(BIN)/python -m tools.local_stack

.DEFAULT_GOAL = help
.PHONY: help install run manage test test-system test-all drill bench capacity mutations lint schema \
	database docs screenshots lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: ## build .venv from the lock files
	@for python in $(PYTHONS); do \
	  $$python -c "" 2>/dev/null && exec $$python requirements/install.py; \
	done; \
	echo "FOAM needs Python 3.11 or newer; none of these runs here: $(PYTHONS)" >&2; exit 1

run: install ## everything on this machine, with a demo reminder (FOAM_PORT=8000)
	@$(STACK) run

manage: install ## a command of manage.py (ARGS="createtoken demo")
	@$(STACK) exec -- $(BIN)/python manage.py $(ARGS)

test: install ## tests that need PostgreSQL and Redis only (ARGS="-k words" for any)
	@$(PYTEST) $(or $(ARGS),-m "not system" $(SIDE_BY_SIDE))

test-system: install ## those that start processes, servers and browsers
	@$(PYTEST) $(or $(ARGS),-m system $(SIDE_BY_SIDE))

test-all: install ## all tests
	@$(PYTEST) $(or $(ARGS),$(SIDE_BY_SIDE))

PYTEST = $(STACK) exec --ephemeral -- $(BIN)/python -m pytest
# Three files at a time, as half of the time is waiting for processes; in our own order, which begins
# with long ones (LONG_TESTS in conftest.py). ARGS name the tests, of both kinds, and run one after the other: one file answers
# sooner so.
SIDE_BY_SIDE = --numprocesses 3 --dist loadfile --no-loadscope-reorder

drill: install ## everything goes wrong on a throw-away FOAM (ARGS=--quick)
	@$(BIN)/python -m tools.drill $(ARGS)

bench: install ## FOAM against its goals and others (ARGS="--quick dispatch")
	@$(BIN)/python -m benchmarks $(ARGS)

capacity: install ## how much this machine carries, in a minute
	@$(BIN)/python -m tools.capacity $(ARGS)

mutations: install ## which test goes red when a guarantee is taken away (ARGS="lease")
	@$(STACK) exec --ephemeral -- $(BIN)/python -m tools.mutations $(ARGS)

lint: install ## style, types, words, import contract, missing migrations
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.word_check
	@$(BIN)/python -m tools.path_check
	@$(STACK) exec --ephemeral -- sh -ec '$(BIN)/mypy .; $(BIN)/python manage.py makemigrations --check --dry-run'

schema: install ## write docs/openapi.json anew, after a change of the API
	@$(STACK) exec --ephemeral -- $(BIN)/python manage.py spectacular --format openapi-json --file docs/openapi.json
	@$(BIN)/python -m tools.api_changes || echo "Tell of these in docs/api-changes.md."

database: install ## write foam/postgresql/initial_schema.sql anew, after a change of migrations
	@$(STACK) exec --ephemeral -- $(BIN)/python -m tools.local_stack.initial_schema

docs: install ## the documentation as a site, in site/ (ARGS=serve to write it)
	@touch .venv/docs && $(MAKE) --silent install
	@$(BIN)/python -m tools.docs_site $(ARGS)

screenshots: install ## the pictures of the documentation anew (ARGS="admin phone")
	@$(BIN)/python -m tools.docs_site.screenshots $(ARGS)

lock: install ## resolve requirements/*.in anew
	@$(LOCK) requirements/base.in -o requirements/base.txt
	@$(LOCK) requirements/dev.in -c requirements/base.txt -o requirements/dev.txt
	@$(LOCK) requirements/sentry.in -c requirements/base.txt -c requirements/dev.txt -o requirements/sentry.txt
	@$(LOCK) requirements/browser.in -c requirements/base.txt -c requirements/dev.txt -o requirements/browser.txt
	@$(LOCK) requirements/docs.in -c requirements/base.txt -c requirements/dev.txt -o requirements/docs.txt

LOCK = $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes
