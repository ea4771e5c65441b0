# make run    set everything up, then a 60 s center-out session on the simulated rig, then open the program
# make test   set the same up, then the tests
# make matrix sessions on sources with every combination of clock, ticks and stalls
# make check  format, lint, types, import layers
# make docs   the documentation site, in build/site; a link or a name that is not there is an error
# make fuzz   2,000 damaged sessions, each under every session command, and 100 real processes (FUZZ_ARGS replaces the numbers)
#
# RUN_ARGS replaces the arguments of `bmi run`; PYTHON names the interpreter to build .venv with. The program opens where
# the session had a window and somebody sits at the terminal, so that a script that calls `make run` comes to its end.

BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

# A window where there is a display: always on Windows and macOS, elsewhere where X or Wayland says so.
VIEW := $(if $(filter Windows_NT,$(OS))$(filter Darwin,$(shell uname -s))$(DISPLAY)$(WAYLAND_DISPLAY),--gui)
# The tests start hundreds of processes, which would each compile the program's sources anew where bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE
FUZZ_ARGS ?= --cases 2000 --processes 100
RUN_ARGS ?= center_out --driver simulated --duration 60 $(VIEW)

.PHONY: run test matrix check docs fuzz setup

run: setup
	@$(BIN)/bmi run $(RUN_ARGS)
	@if [ -t 0 ] && [ -t 1 ] && [ -n "$(findstring --gui,$(RUN_ARGS))" ]; then \
		echo "opening the program ($(BIN)/bmi gui): its start page shows this session; edit a protocol there and run it" >&2; \
		exec $(BIN)/bmi gui; \
	else \
		echo "next: $(BIN)/bmi gui opens the program (choose or edit a protocol, run it, replay it)" >&2; \
	fi

# Tests of sessions in real time run last, so that those that compute do not take the processor from them; they wait more than
# they compute, so two run at once.
test:
	@sh tools/setup.sh tests
	$(BIN)/python tools/compile_kernels.py
	$(BIN)/python -m pytest -n 2 -m "not realtime"
	$(BIN)/python -m pytest -n 2 -m realtime

# Every combination of a source's clock, ticks and stalls, of which the tests take a sample: ten minutes.
matrix:
	@sh tools/setup.sh tests
	$(BIN)/python tools/compile_kernels.py
	BMI_CLOCK_MATRIX=whole $(BIN)/python -m pytest -v -rs tests/session/sources/test_clock_matrix.py

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "the site is in build/site: open build/site/index.html" >&2

fuzz:
	@sh tools/setup.sh tests
	$(BIN)/python -m tests.support.damaged_sessions $(FUZZ_ARGS)

setup:
	@sh tools/setup.sh
