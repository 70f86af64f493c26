# Thin names for scripts/start.py, which does the work and also runs without make: python scripts/start.py run
PYTHON ?= python3

.PHONY: run test test-gpu chaos

run:
	@$(PYTHON) scripts/start.py run $(ARGS)

test:
	@$(PYTHON) scripts/start.py test $(ARGS)

test-gpu:
	@$(PYTHON) scripts/start.py test-gpu $(ARGS)

chaos:
	@$(PYTHON) scripts/start.py chaos $(ARGS)
