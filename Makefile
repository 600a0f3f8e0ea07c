# Commands of the project. `make` alone lists them. Nothing has to be installed before but Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
.DEFAULT_GOAL := help
.PHONY: help demo demo-queue test test-long lint style types types-windows tests wheel dist audit matrix lowest simulate torture rough rough-undone mutants test-windows peers peer-spark run check diagram gallery schema journals docs site bench bench-scale bench-windows bench-servers bench-drawings lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */: /' | awk -F': ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("fsm_robot needs Python 3.11 or newer, this is %d.%d; use make PYTHON=..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.ready ## watch a robot take six jobs from an orchestrator of its own
	$(BIN)/python -m fsm_robot demo

demo-queue: $(VENV)/.ready ## watch two robots work a queue of 30 invoices, one of them killed in the middle
	$(BIN)/python -m fsm_robot demo --queue

# What has one process each runs side by side: with two processors that is half of the time.
test: $(VENV)/.ready-dev ## everything: lint, types, a wheel that works, tests
	@$(MAKE) --no-print-directory -j2 types types-windows style wheel
	@$(MAKE) --no-print-directory tests

lint: $(VENV)/.ready-dev ## style and types
	@$(MAKE) --no-print-directory -j2 types types-windows style

style: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-dev
	$(BIN)/mypy

types-windows: $(VENV)/.ready-dev
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 --exclude tests/rough/

tests: $(VENV)/.ready-dev ## the tests alone
	$(BIN)/python -m pytest -n 4 $(ARGS)

test-long: $(VENV)/.ready-dev ## the tests that take seconds of a processor each
	$(BIN)/python -m pytest -n 4 -m long $(ARGS)

test-windows: $(VENV)/.ready-dev ## the demo and what meets the system, on a Windows Python under Wine, set up by itself
	$(BIN)/python tests/windows/run.py $(ARGS)

bench-windows: $(VENV)/.ready-dev ## measure on a Windows Python under Wine
	$(BIN)/python tests/windows/run.py bench/windows.py $(ARGS)

peers: $(VENV)/.ready-dev ## let programs that are not ours read what we write (installs them into .peers)
	$(BIN)/python tests/peers/install.py
	FSM_REQUIRE_PEERS=1 $(BIN)/python -m pytest -m peers -n 2 --dist loadfile tests/peers $(ARGS)

peer-spark: $(VENV)/.ready-dev ## let PySpark read the dataset of Parquet files (450 MB into .peers, and it needs Java)
	$(BIN)/python tests/peers/install.py spark
	$(BIN)/python -m pytest -m peers tests/peers/test_parquet.py -k pyspark -rs $(ARGS)

.dist/.ready: packaging/dist.lock
	$(PYTHON) -m venv .dist
	.dist/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --require-hashes -r packaging/dist.lock
	@touch $@

dist: .dist/.ready ## build all that is handed out, twice, compare, and try it without a network
	.dist/$(notdir $(BIN))/python packaging/dist.py
	.dist/$(notdir $(BIN))/python packaging/try_dist.py

.audit/.ready: packaging/audit.lock
	$(PYTHON) -m venv .audit
	.audit/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --require-hashes -r packaging/audit.lock
	@touch $@

audit: .audit/.ready ## ask whether anything is known against what is locked (needs the database of PyPI)
	.audit/$(notdir $(BIN))/pip-audit --strict --require-hashes --disable-pip -r requirements.lock
	.audit/$(notdir $(BIN))/pip-audit --strict --require-hashes --disable-pip -r requirements-dev.lock

matrix: $(VENV)/.ready-dev ## what meets Python and its packages, in each Python from 3.11 on that is found
	$(BIN)/python tests/matrix.py $(ARGS)

lowest: $(VENV)/.ready-dev ## the same with the oldest packages that pyproject.toml allows
	$(BIN)/python tests/matrix.py --lowest $(ARGS)

bench-drawings: $(VENV)/.ready-dev ## measure our drawings of generated machines beside those of dot and ELK (installs the peers)
	$(BIN)/python tests/peers/install.py
	$(BIN)/python -m tests.peers.measured_drawings $(ARGS)

wheel: $(VENV)/.ready-dev ## build a wheel, install it into an empty environment, run it there
	$(BIN)/python tests/try_wheel.py

simulate: $(VENV)/.ready ## crash the robot thousands of times on virtual time and check its promises
	$(BIN)/python -m fsm_robot simulate --jobs 25000 $(ARGS)

torture: $(VENV)/.ready-dev ## kill the real robot 200 times and look whether it keeps its promises
	$(BIN)/python -m tests.torture $(ARGS)

rough: $(VENV)/.ready-dev ## be rough to the real robot: limits, signals, disks, wires, threads, terminals (POSIX)
	$(BIN)/python -m tests.rough $(ARGS)

rough-undone: $(VENV)/.ready-dev ## take back one repair after the other and see whether `make rough` notices
	$(BIN)/python -m tests.rough.undone $(ARGS)

mutants: $(VENV)/.ready-dev ## break states.yaml and the code line by line and see who notices
	$(BIN)/python tests/mutants.py $(ARGS)

run: $(VENV)/.ready ## run the robot of robot.toml
	$(BIN)/python -m fsm_robot run

check: $(VENV)/.ready ## check robot.toml and states.yaml
	$(BIN)/python -m fsm_robot check

diagram: $(VENV)/.ready ## write docs/states.md
	$(BIN)/python -m fsm_robot diagram states.yaml --format markdown -o docs/states.md

gallery: $(VENV)/.ready-dev ## write docs/pictures (needs a Chromium, and installs the peers)
	$(BIN)/python -m tests.gallery
	$(BIN)/python -m tests.docs.demo_picture
	$(BIN)/python tests/peers/install.py
	$(BIN)/python -m tests.peers.gallery

schema: $(VENV)/.ready ## write the JSON Schemas of the machine file, of its labels, of a journal line and of a fleet
	$(BIN)/python -m fsm_robot.engine.machine.schema fsm_robot/states.schema.json fsm_robot/labels.schema.json
	$(BIN)/python -m fsm_robot.engine.journal.schema fsm_robot/journal.schema.json
	$(BIN)/python -m fsm_robot.fleet.schema fsm_robot/fleet.schema.json

journals: $(VENV)/.ready-dev ## record tests/journals anew, after a change of states.yaml
	$(BIN)/python -m tests.journals.record

site: $(VENV)/.ready ## build the pages of docs/ as a site in site/, with search, readable without a network
	$(BIN)/python tests/peers/install.py site
	NO_MKDOCS_2_WARNING=1 .peers/site/$(notdir $(BIN))/python -m mkdocs build --strict

docs: diagram schema $(VENV)/.ready-dev ## write every generated page
	$(BIN)/python -m fsm_robot.robot.configuration
	$(BIN)/python -m tests.docs.reference
	$(BIN)/python -m tests.log_calls
	$(BIN)/python -m tests.catalogue

bench: $(VENV)/.ready ## measure, as ratios against a plain script
	$(BIN)/python bench/run.py $(ARGS)

bench-scale: $(VENV)/.ready ## measure beside a year of history, and with many robots (takes a quarter of an hour)
	$(BIN)/python bench/scale.py $(ARGS)

bench-servers: $(VENV)/.ready-dev ## four servers over one PostgreSQL, 1,000 robots, a kill and a crash in the middle
	$(BIN)/python bench/servers.py $(ARGS)

lock: $(VENV)/.ready-dev ## write the lock files anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --extra dev -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate -o packaging/dist.lock packaging/dist.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate -o packaging/audit.lock packaging/audit.in
	for peer in engines pm4py schedulers site spark; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate -o tests/peers/requirements-$$peer.lock tests/peers/requirements-$$peer.in; done
	cd tests/peers && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund

clean: ## remove what the other commands made
	rm -rf $(VENV) site .windows .peers .dist .audit .matrix demo-run demo-queue-run simulated dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
