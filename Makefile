# Two commands after a clone: make run, make test. The logic is in scripts/dev.py, which also runs without make.
PYTHON ?= python3

.PHONY: run test lint format bench

run test lint format bench: ; @$(PYTHON) scripts/dev.py $@ $(ARGS)
