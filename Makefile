# Two commands after a clone: make run, make test. The logic is in scripts/dev.py, which also runs without make.
PYTHON ?= python3

.PHONY: run test lint format bench

run: ; @$(PYTHON) scripts/dev.py run $(ARGS)
test: ; @$(PYTHON) scripts/dev.py test $(ARGS)
lint: ; @$(PYTHON) scripts/dev.py lint
format: ; @$(PYTHON) scripts/dev.py format
bench: ; @$(PYTHON) scripts/dev.py bench $(ARGS)
