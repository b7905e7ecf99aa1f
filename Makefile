# Everything starts here: `make demo` and `make test`, in either order, from a fresh clone.
#
#   make demo                 toy world -> two-rank training -> test -> table and report
#   make test                 the whole test suite, in NPROC=2 processes
#   make docs                 the site: docs/_build/html/index.html
#   make env                  only the environment
#   make mim-env              only the second environment, in which the tests run mim
#   make lint                 ruff
#   make TORCH=torch==2.4.1 PIP_ARGS='--extra-index-url ...' env      another torch build
#   make PYTHON=python3.10 VENV=.venv-310 env     an older stack: constraints-py310.txt
#   make CONSTRAINTS=FILE env                     other versions
#
# An environment is made once: a second call of any target repeats no build. What TORCH=... and
# CONSTRAINTS=... chose is remembered in the environment until they name another or `make clean`;
# CONSTRAINTS=... without TORCH=... takes the torch of its file. Without a choice the versions are
# those of the file for the environment's Python.

VENV ?= .venv
MIM_VENV ?= $(VENV)-mim
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ENV_PYTHON = $(or $(wildcard $(VENV)/bin/python),$(PYTHON))
OLD_PYTHON = $(filter 3.9.% 3.10.%,$(shell $(ENV_PYTHON) -V 2>/dev/null))
CONSTRAINTS ?= $(or $(shell cat $(VENV)/.constraints-choice 2>/dev/null),\
	$(if $(OLD_PYTHON),constraints-py310.txt,constraints.txt))
# the remembered one goes with the versions that it was chosen beside, not with others named now
CHOSEN_TORCH = $(if $(filter file,$(origin CONSTRAINTS)),$(shell cat $(VENV)/.torch-choice 2>/dev/null))
TORCH ?= $(or $(CHOSEN_TORCH),$(shell grep -E '^torch==' $(CONSTRAINTS)))
PIP_ARGS ?=
# mmcv's C++ operators: -O1 halves their build time; the detector's time is spent in torch
MMCV_CFLAGS ?= -g0 -O1
NPROC ?= 2
SEED ?= 0

BIN := $(VENV)/bin
MIM_BIN := $(MIM_VENV)/bin
# CONSTRAINTS with the torch that was chosen
PINS := $(VENV)/constraints.txt
# the OpenCV that mmcv and mmaction2 ask for needs libGL; this build of it does without
HEADLESS_OPENCV = $(shell sed -n 's/^opencv-contrib-python==/opencv-contrib-python-headless==/p' \
	$(PINS))
PIP_OPTIONS = --disable-pip-version-check $(PIP_ARGS)
export OMP_NUM_THREADS ?= 1

.PHONY: env mim-env demo test docs lint clean help FORCE

help:
	@sed -n 's/^#  *make/make/p' Makefile

env: $(VENV)/.ready
mim-env: $(MIM_VENV)/.ready

# rewritten, and so newer than the stamps below, only where its content changes
$(PINS): FORCE
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(if $(filter file,$(origin PYTHON)),,$(same_python))
	@sed 's|^torch==.*|$(TORCH)|' '$(CONSTRAINTS)' > $@.tmp
	@$(if $(filter file,$(origin CONSTRAINTS)),,echo '$(CONSTRAINTS)' > $(VENV)/.constraints-choice)
	@$(if $(filter file,$(origin TORCH)),\
		$(if $(filter file,$(origin CONSTRAINTS)),,rm -f $(VENV)/.torch-choice),\
		echo '$(TORCH)' > $(VENV)/.torch-choice)
	@if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi

# an environment keeps the Python that it was made with: say so where another one is asked for
define same_python
	new=$$($(PYTHON) -V) && old=$$($(BIN)/python -V) && test "$${new%.*}" = "$${old%.*}" || { \
		echo "$(VENV) has $$old, PYTHON=$(PYTHON) is $$new: take another folder (VENV=...)" \
			"or 'make clean' first" >&2; exit 1; }
endef

# $(call install_stack,BIN): torch and the OpenMMLab packages. pip caches the mmcv it has built, but
# not against which torch: hence a cache folder for each torch, and --force-reinstall.
define install_stack
	@echo '== torch and the build tools'
	$(1)/python -m pip install $(PIP_OPTIONS) -c $(PINS) \
		'$(TORCH)' 'setuptools<81' wheel ninja psutil numpy
	@echo '== mmcv, from source with its operators: 5 to 8 minutes on two cores, then cached by pip'
	cache=$$($(1)/python -m pip cache dir 2>/dev/null || echo $(abspath $(VENV))/pip-cache) && \
	torch=$$($(1)/python -c 'import torch; print(torch.__version__)') && \
	MMCV_WITH_OPS=1 MAX_JOBS=$(NPROC) CFLAGS='$(MMCV_CFLAGS)' CXXFLAGS='$(MMCV_CFLAGS)' \
		$(1)/python -m pip install $(PIP_OPTIONS) -c $(PINS) --no-build-isolation --no-deps \
		--force-reinstall --cache-dir "$$cache/mmcv-for-torch-$$torch" mmcv
	@echo '== mmengine, mmdet, mmaction2'
	$(1)/python -m pip install $(PIP_OPTIONS) -c $(PINS) mmcv mmengine mmdet mmaction2
	$(1)/python -c 'import cv2' 2>/dev/null || $(1)/python -m pip install $(PIP_OPTIONS) \
		--no-deps --force-reinstall $(HEADLESS_OPENCV)
	$(1)/python -c 'import yapf' # writes its cache: of two processes one would read half of it
endef

$(VENV)/.stack: $(PINS)
	$(call install_stack,$(BIN))
	touch $@

$(VENV)/.ready: $(VENV)/.stack setup.py pyproject.toml mmlt/version.py
	@echo '== mmlt itself, editable'
	$(BIN)/python -m pip install $(PIP_OPTIONS) -c $(PINS) \
		--no-build-isolation -e '.[docs,report,tests]'
	touch $@

# openmim runs `python train.py` of its own environment, which so needs the whole stack. mmlt itself is
# installed there by `mim install`, in the tests; only what it depends on comes now.
$(MIM_VENV)/.ready: $(VENV)/.stack
	@echo '== the environment of mim: the same stack, from the wheels just cached'
	test -x $(MIM_BIN)/python || $(BIN)/python -m venv $(MIM_VENV)
	$(call install_stack,$(MIM_BIN))
	@echo '== openmim'
	$(MIM_BIN)/python -m pip install $(PIP_OPTIONS) -c $(PINS) \
		openmim importlib_metadata pyarrow
	touch $@

demo: env
	PYTHON=$(abspath $(BIN)/python) tools/demo.sh $(NPROC) $(SEED)

test: env mim-env
	MMLT_MIM_VENV=$(abspath $(MIM_VENV)) $(BIN)/python -m pytest -n $(NPROC) --dist loadfile

# every warning is an error; names that nothing has (-n) warn
docs: env
	$(BIN)/python -m sphinx -EnW --keep-going -q -c docs -b html . docs/_build/html
	@echo 'open it in a browser: file://$(abspath docs/_build/html/index.html)'

lint: env
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# the environments only: what you have drawn and trained stays
clean:
	rm -rf $(VENV) $(MIM_VENV)
