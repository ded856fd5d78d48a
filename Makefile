# `make run` and `make test` need Python 3.11 or newer and make, and nothing else.
SHELL := /bin/sh
PYTHON := $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python3.14 python,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv/bin
TESTS ?=

.PHONY: help run test browser-test lint types sbom bench backup-drill reset lock setup

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## the portal with a sample organization (PORT=8000)
	@$(PYTHON) bootstrap.py run
	@exec $(VENV)/python -m portal.embedded.run

test: setup ## the whole suite (SLOW=1 adds the slow tests, TESTS=path narrows it)
	@$(VENV)/python -m pytest -n 2 $(TESTS)

browser-test: setup ## the tests that drive a real Chromium
	@SLOW=1 $(VENV)/python -m pytest -m browser $(TESTS)

lint: setup ## format, the floors, types, bandit, templates, migrations, vendored files, settings
	$(VENV)/ruff check .
	$(VENV)/ruff format --check -q .
	$(VENV)/lint-imports --no-logo
	$(VENV)/djlint templates --lint --quiet --exclude templates/packages,templates/ui_kit
	$(VENV)/djlint templates/packages --lint --quiet --ignore H006,H015,H020,H021,H030,H031,H043,H044,T003
	$(VENV)/mypy evidence remediation
	$(VENV)/bandit -q -c pyproject.toml -r evidence remediation portal deploy manage.py bootstrap.py
	$(VENV)/python manage.py makemigrations --check --dry-run
	$(VENV)/python manage.py vendor --check
	$(VENV)/python manage.py iconsprite --check
	@SECRET_KEY=0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ ALLOWED_HOSTS=lint.example \
	DATABASE_URL=postgresql://clearhold_app@127.0.0.1:1/lint DATABASE_OWNER_URL=postgresql://clearhold_migrator@127.0.0.1:1/lint \
	DATABASE_AUDITOR_URL=postgresql://clearhold_auditor@127.0.0.1:1/lint REDIS_URL=redis://127.0.0.1:1/0 \
	CLEARHOLD_BASE_URL=https://lint.example CLEARHOLD_SECURITY_CONTACT=security@lint.example \
	DATABASE_SEQUENCER_URL=postgresql://clearhold_sequencer@127.0.0.1:1/lint DJANGO_SETTINGS_MODULE=portal.settings.production \
	$(VENV)/python manage.py check --deploy --fail-level WARNING

types: setup ## mypy --strict on the two lower floors
	@$(VENV)/mypy evidence remediation

sbom: setup ## what it is made of, in CycloneDX, into var/bom.cdx.json
	@$(VENV)/python deploy/bill_of_materials.py

bench: ## figures of speed, into var/bench.json (BENCH_SIZE=full)
	@$(PYTHON) bootstrap.py run dev
	@$(VENV)/python -m bench

backup-drill: ## a backup made under load, restored into an empty place and compared (DRILL="--from DIR --keys KEYDIR")
	@$(PYTHON) bootstrap.py run
	@$(VENV)/python -m portal.backup.drill $(DRILL)

reset: ## removes var/ with all its data
	@test ! -x $(VENV)/python || $(VENV)/python -c "import pathlib, sys; sys.path.insert(0, '.'); from portal.embedded import servers; [servers.stop(pathlib.Path(p)) for p in ('var', 'var/test')]"
	@rm -rf var

lock: setup ## pins the versions in requirements*.in anew
	@$(VENV)/uv pip compile -q --universal --python-version 3.11 --generate-hashes requirements.in -o requirements.txt
	@$(VENV)/uv pip compile -q --universal --python-version 3.11 --generate-hashes requirements-token.in -o requirements-token.txt
	@$(VENV)/uv pip compile -q --universal --python-version 3.11 --generate-hashes requirements-dev.in -o requirements-dev.txt

setup:
	@$(PYTHON) bootstrap.py run dev browser
