# make demo: track a cup through a real video and say where the picture is.
# make test: run the tests.
# make docs: build the documentation's site into site/.
# make licences: print the licences of the packages that are installed. make release: build and try a release.
# make benchmark: time the stages of a frame; make speed: measure all that docs/speed.md says.
# All make their own .venv; nothing else is needed but Python and make.
#
# On Linux a plain install of torch brings CUDA libraries of several gigabytes. For a small
# install without a GPU: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
# (That index is asked beside PyPI: its "2.13.0+cpu" counts as newer than "2.13.0", and not all that
# PyTorch depends on lies there.)

PYTHON ?= python3
TORCH_INDEX ?=
TORCH_SIZE := $(if $(TORCH_INDEX),about 200 MB,several GB on Linux with CUDA and less elsewhere)
BIN := .venv/bin
COMMA := ,
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: demo test lint docs licences release benchmark speed clean

demo: .venv/demo.done
	$(BIN)/sam2track track video=videos/cup.mp4 'click=[340,220]' out=outputs/cup
	@echo "Look at outputs/cup/preview.png"

test: .venv/test.done
	$(BIN)/python -m pytest

lint: .venv/lint.done
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

docs: .venv/docs.done
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html, or, with the search, http://localhost:8000 after: $(BIN)/python -m http.server -d site"

# Packages that sam2track needs to run. A licence that is not on the list ends it with an error.
licences: .venv/release.done
	$(BIN)/python scripts/licences.py

# PAIRS="python3.10=2.4.0 python3.13=2.15.0" tries other Pythons and PyTorchs too.
release: .venv/release.done
	$(BIN)/python scripts/release.py --pip-options="$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))" $(PAIRS)

SWITCHES := sam2.1_hiera_tiny $(addprefix sam2.1_hiera_tiny$(COMMA),recent=3 pool=2 image_size=768 \
	image_size=768$(COMMA)recent=3 image_size=576)

benchmark: .venv/lint.done
	$(BIN)/python scripts/stage_speed.py

# What docs/speed.md and docs/models.md say of this package alone; an hour on two cores.
speed: benchmark
	$(BIN)/python scripts/start_time.py .
	$(BIN)/python scripts/model_speed.py --precision bf16 $(SWITCHES)
	$(BIN)/python scripts/model_speed.py sam2.1_hiera_tiny sam2.1_hiera_tiny,pool=2 edgetam \
		efficienttam_ti efficienttam_ti_1 efficienttam_ti_512x512 efficienttam_s efficienttam_s_1
	$(BIN)/python scripts/speed.py --end-to-end --objects 1 8

clean:
	rm -rf .venv site dist

.venv/torch.done: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or later is needed; give one with PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "Installing PyTorch, once: $(TORCH_SIZE) to fetch; pip is silent meanwhile."
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	@touch $@

.venv/demo.done: .venv/torch.done pyproject.toml
	@echo "Installing what else it needs: about 150 MB to fetch."
	$(PIP) -e '.[serve]'
	@touch $@

# vos-benchmark asks for the OpenCV with windows, which needs libGL and would overwrite ours, so
# it comes without what it asks for; the test extra has the rest.
.venv/test.done: .venv/torch.done pyproject.toml
	@echo "Installing what else it and its tests need: about 450 MB to fetch."
	$(PIP) -e '.[test,train,benchmark,serve,joblib,ray,slurm]'
	$(PIP) --no-deps vos-benchmark
	@touch $@

.venv/docs.done: .venv/demo.done
	$(PIP) -e '.[docs]'
	@touch $@

.venv/release.done: .venv/demo.done
	$(PIP) -e '.[release]'
	@touch $@

.venv/lint.done: .venv/test.done
	$(PIP) -e '.[dev]'
	@touch $@
