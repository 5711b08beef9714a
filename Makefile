# o2u_nb from a fresh clone: `make demo` runs it, `make lab` opens it, `make test` checks it.
# Needs Python 3.11 (with venv; PYTHON=... names one), git and make. The rest goes into .venv.

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# The name of the stamp carries the content of the lock: a changed lock means a new environment,
# a changed file date does not.
LOCKED := .venv/.locked-$(firstword $(shell cksum requirements.lock))
READY := .venv/.ready
# TypeScript, which checks the types of the widgets' JavaScript; its stamp works in the same way.
TYPESCRIPT := tests/js/node_modules/.locked-$(firstword $(shell cksum tests/js/package-lock.json))

# A python3 kernel of another environment, in the home folder or in JUPYTER_PATH, must not win.
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_PATH :=
LAB_OPTIONS ?=
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help demo lab test doctor format lock

help:  ## show this list (the default)
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 14

demo: $(READY)  ## find wrong labels in the built-in pictures, and write a report
	$(PY) -m o2u_nb demo

lab: $(READY)  ## open JupyterLab on the quickstart
	$(PY) -m jupyterlab $(AS_ROOT) $(LAB_OPTIONS) notebooks/00_quickstart.ipynb

test: $(READY) $(TYPESCRIPT)  ## check style, run all tests and all notebooks
	@sh .ci/system-packages
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pytest
	$(if $(wildcard notebooks/*.ipynb),$(PY) -m pytest --nbmake --nbmake-timeout=900 notebooks)

doctor: $(READY)  ## say what works on this machine, and the cure for what does not
	$(PY) -m o2u_nb doctor

format: $(READY)  ## put the code into the house style
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: $(READY)  ## write requirements.lock from what .venv holds now
	$(PY) .ci/lock.py > .venv/lock && mv .venv/lock requirements.lock
	rm -f .venv/.locked-* && touch .venv/.locked-$$(cksum requirements.lock | cut -d ' ' -f 1)

$(LOCKED):
	@python=$$(sh .ci/find-python) && "$$python" -m venv --clear .venv
	@echo "Installing the locked packages: about 7 GB on disk, CUDA included; this takes minutes, once."
	$(PIP) install -q -r requirements.lock
	@touch $@

$(TYPESCRIPT):
	@sh .ci/system-packages
	npm ci --silent --prefix tests/js
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	$(PIP) install -q --no-deps --no-build-isolation -e .
	$(PY) -m ipykernel install --sys-prefix --name python3 >/dev/null 2>&1
	@touch $@
