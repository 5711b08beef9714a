# o2u_nb from a fresh clone: `make demo` runs it, `make lab` opens it, `make test` checks it.
# Needs Python 3.11 (with venv; PYTHON=... names one), git and make. The rest goes into .venv.

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# The name of the stamp carries the content of the locks: a changed lock means a new environment,
# a changed file date does not.
LOCKS := requirements.lock hashes.lock
LOCKED := .venv/.locked-$(firstword $(shell cat $(LOCKS) | cksum))
READY := .venv/.ready
# TypeScript, which checks the types of the widgets' JavaScript; its stamp works in the same way.
TYPESCRIPT := tests/js/node_modules/.locked-$(firstword $(shell cksum tests/js/package-lock.json))

# A python3 kernel of another environment, in the home folder or in JUPYTER_PATH, must not win.
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_PATH :=
LAB_OPTIONS ?=
# Of processes that run side by side, each has one core; more threads would wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help demo lab test test-quick student docs lite check types doctor format lock

help:  ## show this list (the default)
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 18

demo: $(READY)  ## find wrong labels in the built-in pictures, and write a report
	$(PY) -m o2u_nb demo

lab: $(READY)  ## open JupyterLab on the quickstart
	$(PY) -m jupyterlab $(AS_ROOT) $(LAB_OPTIONS) notebooks/00_quickstart.ipynb

test: check types $(TYPESCRIPT)  ## check style and types, run all tests and all notebooks: the whole suite
	@sh .ci/system-packages
	$(ONE_THREAD) $(PY) -m pytest -q -n auto --dist loadfile -m "not browser"
	$(PY) -m pytest -q -m browser
	$(PY) -m o2u_nb.course.editions answers notebooks build/course
	$(ONE_THREAD) $(PY) -m pytest -q -n auto --nbmake --overwrite --nbmake-timeout=900 build/course
	$(PY) -m website.executed keep

test-quick: $(READY) $(TYPESCRIPT)  ## run the tests that are neither slow nor in a browser: under two minutes
	$(PY) -m pytest -q -m "not slow and not browser and not network"

student: $(READY)  ## write the students' edition of the notebooks to student-notebooks, without answers
	$(PY) -m o2u_nb.course.editions student notebooks student-notebooks

docs: $(READY)  ## build the documentation site into build/site; runs notebooks if they or the package changed
	$(PY) -m website.executed
	@# not with -q, which would also hide warnings from mkdocs itself, so that they are no errors
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build

lite: $(READY)  ## build lesson 3 for a browser alone (JupyterLite) into build/lite/site
	$(PY) -m website.lite $(if $(PYODIDE),--pyodide "$(PYODIDE)")

check: $(READY)  ## check the style of the code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(READY)  ## check the types of the package
	$(PY) -m mypy

doctor: $(READY)  ## say what works on this machine, and the cure for what does not
	$(PY) -m o2u_nb doctor

format: $(READY)  ## put the code into the house style
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: $(READY)  ## write requirements.lock and hashes.lock from what .venv holds now
	$(PY) .ci/lock.py > .venv/lock && mv .venv/lock requirements.lock
	$(PY) .ci/hashes.py > .venv/lock && mv .venv/lock hashes.lock
	rm -f .venv/.locked-* && touch .venv/.locked-$$(cat $(LOCKS) | cksum | cut -d ' ' -f 1)

$(LOCKED):
	@python=$$(sh .ci/find-python) && "$$python" -m venv --clear .venv
	@echo "Installing the locked packages: about 7 GB on disk, CUDA included; this takes minutes, once."
	$(PIP) install -q --require-hashes -r hashes.lock
	@touch $@

$(TYPESCRIPT):
	@sh .ci/system-packages
	npm ci --silent --prefix tests/js
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	$(PIP) install -q --no-deps --no-build-isolation -e .
	$(PY) -m ipykernel install --sys-prefix --name python3 >/dev/null 2>&1
	@touch $@
