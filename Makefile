.DEFAULT_GOAL := help
.PHONY: attacks soak chaos chaos-cluster siege help demo up test test-user test-slow test-cgroup-v2 test-compose test-languages test-hosts test-packages lint bench bench-pipeline format translations lock docs screenshots wheel release clean

python := .venv/bin/python
# A schema that the tool brings, and files that a service or Docker reads.
valid := $(python) -m check_jsonschema --default-filetype=yaml --builtin-schema=vendor

# Python then keeps what it compiles. The tests start hundreds of processes, and pytest rewrites each module of tests.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 24

demo: ## Run sample programs through a fresh system and show their results and mails
	@deploy/bootstrap demo
	@$(python) -P -m precieux demo

up: ## Run Precieux on this machine, at http://127.0.0.1:8000
	@deploy/bootstrap demo
	@exec $(python) -P -m precieux up

test: ## Run all tests but the slow ones; `make test args="-k sandbox"` runs some
	@deploy/bootstrap test
	@$(python) -m pytest --numprocesses $(or $(WORKERS),4) --dist loadfile --no-loadscope-reorder $(args)

test-user: ## Run the quick tests of the executor as an ordinary user with subordinate ids
	@deploy/bootstrap test
	@$(python) -m tests.fixtures.ordinary_user $(python) -m pytest -p no:cacheprovider \
		--numprocesses $(or $(WORKERS),3) --dist loadfile \
		tests/unit/executor tests/security $$(grep -l executor tests/contract/*.py) $(args)

test-slow: ## Run the slow tests: hostile programs in all modes, floods, storms, long programs
	@deploy/bootstrap test
	@$(python) -m pytest -m slow --numprocesses $(or $(WORKERS),2) --dist loadfile $(args)

test-cgroup-v2: ## Attack executors with cgroups of version 2, in a virtual machine; for each night
	@$(MAKE) test-hosts args="--only user-delegated root-delegated --suites cgroups attacks conformance $(args)"

test-compose: ## Run the stack of docker-compose.yml on a Docker engine, kill and restart its parts, and check it
	@deploy/bootstrap test
	@$(python) -m pytest -m compose tests/compose $(args)

test-languages: ## Run each installed language beside its bare tool, and attack it; `args="-k rs-"` tries some
	@deploy/bootstrap test
	@$(python) -m pytest -m languages --numprocesses $(or $(WORKERS),2) --dist worksteal tests/languages $(args)

test-hosts: ## Try the kinds of hosts that people have, in virtual machines; `args="--only user"` tries one
	@deploy/bootstrap test
	@$(python) -m tests.hosts $(args)

test-packages: ## Read the problem packages in DIR, and compare them with tests/public_packages.tsv
	@deploy/bootstrap test
	@$(python) -m tests.public_packages $(or $(DIR),samples/problems)

attacks: ## Run all hostile programs, in each of the ways that the executor can run
	@deploy/bootstrap test
	@$(python) -m pytest -m security tests/security $(args)

soak: ## Put 10,000 requests to the executor, and look what is left over
	@deploy/bootstrap test
	@$(python) -m tests.security.soak

chaos: ## Break every part at random; `make chaos MINUTES=10` for long
	@deploy/bootstrap test
	@$(python) -m tests.chaos --minutes $(or $(MINUTES),1) $(args)

chaos-cluster: ## Break machines and networks of a cluster at random; as root, `make chaos-cluster MINUTES=10` for long
	@deploy/bootstrap test
	@$(python) -m tests.chaos.cluster --minutes $(or $(MINUTES),2) $(args)

siege: ## Put attackers and honest clients to one system together; `make siege MINUTES=30` for long
	@deploy/bootstrap test
	@$(python) -m tests.siege --minutes $(or $(MINUTES),3) $(args)

lint: ## Check style, types, files that services read, layers, dependencies and known holes
	@deploy/bootstrap test
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy
	@$(python) -m tests.first_lines
	@$(python) -m tests.audit
	@$(python) -m tests.security.known_escapes.page
	@$(valid).citation-file-format CITATION.cff
	@$(valid).compose-spec docker-compose.yml
	@$(valid).github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(valid).github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml
	@$(valid).github-workflows .github/workflows/ci.yml
	@$(valid).renovate .github/renovate.json
	@$(python) -m pytest -q -m slow -k test_the_document_is_valid tests/integration/api_service/v1/test_openapi.py
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/deptry api_service executor job_runner precieux queue_consumer shared
	@cd client && ../.venv/bin/deptry precieux_client
	@.venv/bin/deptry tests benchmarks --exclude '.*/(features|programs)/' --ignore DEP002,DEP004

bench: ## Measure the executor beside the bare commands; `make bench args=--quick` in a minute
	@deploy/bootstrap test
	@PRECIEUX_LOG_LEVEL=WARNING $(python) -m executor.warm
	@$(python) -m benchmarks.executor $(args)

bench-pipeline: ## Measure the API and the pipeline; `make bench-pipeline args="--yardstick DIR"` compares
	@deploy/bootstrap test
	@$(python) -m benchmarks.pipeline $(args)

format: ## Bring all code into the common style
	@deploy/bootstrap test
	@$(python) -m ruff format
	@$(python) -m ruff check --fix

translations: ## Add new messages to shared/records/locales/*.po; `make translations args=de` begins a language
	@deploy/bootstrap test
	@$(python) -m tests.translations $(args)

lock: ## Write deploy/requirements from pyproject.toml; `make lock args=--upgrade` takes the newest versions
	@deploy/bootstrap docs
	@$(python) deploy/lock.py $(args)

docs: ## Make the site of the documents in dist/site, and check its links
	@deploy/bootstrap docs
	@NO_MKDOCS_2_WARNING=1 $(python) -P -m mkdocs build $(args)

screenshots: ## Take the pictures in docs/images, and record the demo
	@deploy/bootstrap test
	@$(python) -m tests.web.screenshots $(args)
	@$(python) -m tests.web.recording

wheel: ## Build the wheel in dist/ that installs Precieux where there is no checkout and no compiler
	@deploy/bootstrap wheel

release: ## Build a release in dist/, check it from the outside, and tag it; it uploads nothing
	@deploy/release $(args)

clean: ## Remove everything that was made here; data folders stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	rm -f executor/sandbox/init/*.so executor/sandbox/init/*.bin
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
