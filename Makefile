# `make help` lists the targets. All of them set up what they need; nothing outside this folder is touched.
.DEFAULT_GOAL := help

VENV := $(CURDIR)/.venv
PYTHON := $(VENV)/bin/python
PEERS := $(CURDIR)/.venv-bench
DONE := $(VENV)/.setup

# A sourced ROS 2 is used as it is; without one, ROS 2 comes as wheels into the environment.
ROS := $(if $(ROS_DISTRO),$(ROS_DISTRO),wheels)
LOCK := requirements/$(if $(ROS_DISTRO),lock-sourced,lock).txt
OTHER_PREFIXES := $(if $(ROS_DISTRO),$(filter-out $(VENV),$(subst :, ,$(AMENT_PREFIX_PATH))))

# Every process of this build finds the environment as a ROS prefix. The wheels set their library path
# themselves, once: its guard, or a library path of some other environment, must not be inherited.
empty :=
space := $(empty) $(empty)
export AMENT_PREFIX_PATH := $(subst $(space),:,$(VENV) $(OTHER_PREFIXES))
export CMAKE_PREFIX_PATH := $(AMENT_PREFIX_PATH)
export VIRTUAL_ENV := $(VENV)
export PATH := $(VENV)/bin:$(PATH)
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONHOME
# Processes that compile their imports anew each time start three times slower.
unexport PYTHONDONTWRITEBYTECODE
ifdef ROS_DISTRO
export LD_LIBRARY_PATH := $(VENV)/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))
else
unexport LD_LIBRARY_PATH PYTHONPATH
endif

# What the workspace is built from. Python sources are linked, not copied: editing them needs no build;
# folders are listed because a new or a removed file in them does.
# Messages of other packages are here for whoever has not installed those: an installed one wins.
MESSAGES := dv_ros2_msgs event_camera_msgs rig_interfaces
INSTALLED := $(foreach package,dv_ros2_msgs event_camera_msgs,$(if $(wildcard \
	$(addsuffix /share/$(package)/package.xml,$(OTHER_PREFIXES))),$(package)))
MESSAGE_SOURCES := colcon.meta $(foreach package,$(MESSAGES),$(shell find src/$(package) 2>/dev/null))
PACKAGE_SOURCES := $(wildcard src/evface/package.xml src/*/setup.py src/*/setup.cfg src/rig/package.xml) \
	src/rig/scripts/rig $(shell find launch config -not -name '*.pyc' -not -name __pycache__ 2>/dev/null)

# Python's deprecation warnings are setuptools' about the commands colcon uses.
COLCON := PYTHONWARNINGS=ignore $(PYTHON) -m colcon --log-level error --log-base log build --base-paths src \
	--merge-install --symlink-install --install-base $(VENV) --build-base build \
	--event-handlers console_direct- console_start_end- summary+ \
	$(if $(INSTALLED),--packages-ignore $(INSTALLED))

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: setup
setup: $(DONE)/workspace ## environment, ROS 2, messages, commands in .venv (minutes once, then a second)
	@echo "ready: .venv/bin/rig, .venv/bin/evface ($$($(PYTHON) -c 'import platform; print("Python", platform.python_version())'), ROS 2: $(ROS))"

.PHONY: dependencies
dependencies: $(DONE)/lock

.PHONY: demo
demo: setup ## a virtual session from camera to report, into out/demo
	$(VENV)/bin/rig demo --out out/demo

# Sessions of real processes come one by one: each has the machine to itself, as in the lab.
.PHONY: test
test: setup ## all tests
	@result=0; \
	$(PYTHON) -m pytest -n auto --maxprocesses 8 --dist loadfile src/evface/tests src/rig/tests || result=$$?; \
	$(PYTHON) -m pytest tests || result=$$?; \
	exit $$result

.PHONY: faults
faults: setup ## what goes wrong in a lab, done on purpose (minutes; ONLY=part of a name; DOCUMENT=1)
	$(PYTHON) -m tests.faults $(if $(ONLY),--only '$(ONLY)') $(if $(DOCUMENT),--document)

.PHONY: session
session: setup ## 21 AUs through both pages in a browser, two redos, a crash; checked; pictures in out/pages (15 min)
	$(PYTHON) tools/session_through_pages.py --out out/session --pictures out/pages

# Tests run, so what a fixture or a picture may be in theory is not asked of them.
TYPES_OF_TESTS := $(VENV)/bin/mypy --cache-dir .mypy_cache/tests --follow-imports silent \
	--allow-untyped-defs --allow-incomplete-defs \
	$(addprefix --disable-error-code ,arg-type attr-defined operator type-var union-attr)

.PHONY: lint
lint: setup ## style, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy src/evface/evface src/rig/rig benchmarks tools
	MYPYPATH=src/evface/tests $(TYPES_OF_TESTS) src/evface/tests
	MYPYPATH=src/rig/tests:src/evface/tests $(TYPES_OF_TESTS) src/rig/tests
	$(TYPES_OF_TESTS) tests conftest.py
	$(VENV)/bin/mypy --scripts-are-modules $(wildcard launch/*.py)

.PHONY: bench
bench: setup $(PEERS)/.installed ## benchmarks, against peers in the same run; V2E=path adds v2e
	$(PYTHON) -m benchmarks

.PHONY: soak
soak: setup ## the recorder at its limits: three cameras at full rate for 60 s, then kill -9 at 200 moments
	$(PYTHON) -m benchmarks.recorder.soak
	$(PYTHON) -m benchmarks.recorder.kills --times $(or $(KILLS),200)

# Appended to the path by the benchmarks alone. What the environment has already is left out, so that the peers
# run with our numpy and numba.
$(PEERS)/.installed: requirements/lock-bench.txt $(DONE)/lock
	@echo "installing $<"
	@grep -vxFf $(LOCK) $< | $(VENV)/bin/uv pip install --quiet --system-certs --no-deps --target $(PEERS) -r -
	@touch $@

.PHONY: pictures
pictures: setup ## contact sheets of virtual people into docs/images
	$(PYTHON) tools/contact_sheets.py

.PHONY: notebook
notebook: setup ## docs/simulation.ipynb run from top to bottom, with what it shows
	$(PYTHON) tools/run_notebook.py docs/simulation.ipynb

RESOLVE := cd requirements && $(VENV)/bin/uv pip compile --quiet --system-certs $(if $(UPGRADE),--upgrade) \
	--universal --python-version 3.11 --override overrides.txt --custom-compile-command 'make lock'

.PHONY: lock
lock: $(DONE)/venv-$(ROS) ## requirements/*.in into the lock files; UPGRADE=1 takes the newest versions
	$(call resolve,lock,ros-wheels)
	cp requirements/lock.txt requirements/lock-sourced.txt
	sed -i '/^empy==/d' requirements/lock-sourced.txt
	$(call resolve,lock-sourced,ros-sourced)
	$(RESOLVE) --no-annotate --constraint lock.txt bench.in --output-file lock-bench.txt
	$(RESOLVE) --no-annotate --constraint lock.txt cluster.in --output-file lock-cluster.txt

# The second lock starts from the first: both have the same version of what both contain.
define resolve
$(RESOLVE) base.in develop.in $(2).in --output-file $(1).txt
endef

.PHONY: clean
clean: ## built files, caches and outputs away; .venv stays
	rm -rf build log out src/*/build src/*/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(DONE)/messages $(DONE)/workspace
	find src tests benchmarks tools launch -name __pycache__ -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## and .venv, .venv-bench too
	rm -rf $(VENV) $(PEERS)

$(DONE)/venv-$(ROS): requirements/uv.txt
	@for other in $(filter-out $@,$(wildcard $(DONE)/venv-*)); do \
		echo "error: .venv was made for ROS 2 '$${other##*/venv-}', now it is '$(ROS)': make distclean, or another shell" >&2; \
		exit 2; \
	done
	@python=$$(sh tools/check_system.sh) || exit 2; \
	if [ ! -x $(PYTHON) ]; then \
		echo "creating .venv with $$python"; \
		"$$python" -m venv $(if $(ROS_DISTRO),--system-site-packages) $(VENV); \
	fi
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt
	@touch $(VENV)/COLCON_IGNORE
	@mkdir -p $(DONE) && touch $@

# The lock is complete, so nothing is resolved again (facenet-pytorch's metadata would not allow it).
# --system-certs: an institute's mirror or proxy often has a certificate of its own.
$(DONE)/lock: $(LOCK) $(DONE)/venv-$(ROS)
	@echo "installing $(LOCK)"
	@$(VENV)/bin/uv pip install --quiet --system-certs --no-deps --compile-bytecode -r $(LOCK)
	@$(PYTHON) tools/mend_cmake.py $(VENV)
	@touch $@

$(DONE)/messages: $(DONE)/lock $(MESSAGE_SOURCES)
	@sh tools/check_system.sh >/dev/null
	@echo "building the messages"
	@$(COLCON) --packages-select $(filter-out $(INSTALLED),$(MESSAGES)) \
		--cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE=$(PYTHON)
	@touch $@

$(DONE)/workspace: $(DONE)/messages $(PACKAGE_SOURCES)
	@echo "linking the packages"
	@$(COLCON) --packages-select evface rig
	@$(PYTHON) tools/link_workspace.py build/evface build/rig
	@touch $@
