# What people do with this repository; `make` alone lists it.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro refresh test lint bench docs ui

help:  ## list these words
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: .setup/core  ## make .venv, install the lock, make the MLflow store; goes on after a break
	@memegan sync

repro: .setup/core  ## run the whole pipeline, then say what to open
	@memegan check
	dvc repro
	@echo "open report/index.html, or run: make ui"

refresh: .setup/core  ## fetch what is new since the last snapshot, then run what follows
	@memegan fetch --seed data/raw
	@sed -i.before -E 's/^  snapshot: .*/  snapshot: "'$$(date +%F)'"/' params.yaml && rm params.yaml.before
	dvc repro

test: .setup/dev  ## run the tests
	pytest -n 2 --dist loadfile

lint: .setup/dev  ## format, rules and types
	ruff format --check .
	ruff check .
	mypy

bench: .setup/dev  ## measure against the references; goes on after a break
	@for name in help repro data train faults; do memegan bench $$name || exit; done
	@python docs/build.py

docs: .setup/dev  ## write the pages that follow from the code
	@python docs/build.py

ui: .setup/core  ## look at the runs in MLflow
	memegan ui

.setup/venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make setup PYTHON=python3.12"; exit 2; }
	@free=$$(df -Pk . | awk 'NR==2 {print int($$4 / 1048576)}'); [ "$$free" -ge 9 ] || [ -d .venv ] \
	  || { echo "error: $$free GiB are free here, the packages need 9; free some, then run it again"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/boot.txt \
	  || { echo "error: the installer could not be fetched; check the network, then run it again"; exit 1; }
	@mkdir -p .setup && touch $@

.setup/%: requirements/%.txt .setup/venv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $< \
	  || { echo "error: not all packages came; check network and disk, then run it again: it goes on"; exit 1; }
	@echo "$(CURDIR)/src" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/memegan.pth"
	@printf '#!%s\nimport sys\nfrom memegan.__main__ import main\nsys.exit(main())\n' \
	  "$(CURDIR)/$(BIN)/python" > $(BIN)/memegan && chmod +x $(BIN)/memegan
	@touch $@
