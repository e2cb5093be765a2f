# mailfleet: every target is explained by `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
export UV_PYTHON_DOWNLOADS := never
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS := 1
endif
EXPORT := .venv/bin/uv export --quiet --locked --no-emit-project --no-header

help: ## What can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: .venv/.stamp ## Build .venv from uv.lock (installs python3-venv with sudo if missing); no-op when up to date

.venv/.stamp: uv.lock pyproject.toml installer/requirements-setup.txt
	@tests/tools/setup.sh

demo: setup ## A collector and a dozen agents on this machine, no root; Ctrl-C ends it
	@$(PYTHON) -m demo

test: setup ## Everything: lint and all tests; installs Postfix, rbldnsd… with sudo (NO_APT=1: only what is here)
	@tests/tools/test.sh

lint: setup ## ruff, mypy, codespell, deptry, vermin (agent on Python 3.10), shellcheck where present
	@tests/tools/lint.sh

bench: setup ## make bench NAME=store [JSON=1]: one benchmark against its peer, as a table or one JSON object
	@test -n "$(NAME)" || { echo "say which: make bench NAME=…, one of:"; ls benchmarks | sed -n 's/^\([a-z].*\)\.py$$/  \1/p'; exit 2; }
	@test -n "$(NO_APT)" || tests/tools/components.sh bench
	@JSON=$(JSON) $(PYTHON) -m benchmarks.$(NAME)

fuzz: setup ## Coverage-guided fuzzing of the log reader for ten minutes, or SECONDS=…; keeps its corpus in .run/fuzz
	@$(PYTHON) -m tests.fuzz.run --seconds $(or $(SECONDS),600) --folder .run/fuzz

simulate: setup ## 10,000 whole fleets on a virtual clock (SEEDS=…, FIRST=…, WORKERS=…): hours; cut short, it goes on from where it was
	@$(PYTHON) -m tests.simulation --seeds $(or $(SEEDS),10000) --first $(or $(FIRST),1) \
	  --keep $(or $(KEEP),.simulated.jsonl) $(if $(WORKERS),--workers $(WORKERS))

bundle: setup ## What a node or the collector is installed from: dist/mailfleet-VERSION.tar.gz
	@installer/bundle.sh

soak: setup ## The long runs: fault tests with 1,000 rounds instead of 50, and the other Debian release
	@SOAK=1 $(PYTHON) -m pytest tests/faults tests/e2e/test_install_agent.py --timeout=7200 \
	  -o faulthandler_timeout=7300

lock: setup ## Take newer versions within pyproject.toml's bounds; refresh uv.lock and the hashed exports
	.venv/bin/uv lock --upgrade
	@$(MAKE) --no-print-directory exports

exports: setup ## Write the hashed requirements of the installers from uv.lock
	$(EXPORT) --no-dev > installer/requirements-agent.txt
	$(EXPORT) --no-dev --extra collector > installer/requirements-collector.txt
	$(EXPORT) --no-dev --extra collector --extra notify > installer/requirements-collector-apprise.txt
	$(EXPORT) --only-group build > installer/requirements-build.txt
	$(EXPORT) --only-group setup > installer/requirements-setup.txt

protos: setup ## Generate the code beside protos/fleet.proto
	@tests/tools/protos.sh .

.PHONY: help setup demo test lint bench fuzz simulate bundle soak lock exports protos
