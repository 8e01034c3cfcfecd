# Every target does all it needs on a Debian or Ubuntu machine that has only Swift: it installs the packages that are
# missing (as root or through sudo, else it says which), builds and runs. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

TARGETS := help deps build release demo test test-debug soak fuzz bench lint firmware-check clean
.PHONY: $(TARGETS) swift python

ifneq ($(lastword $(MAKEFILE_LIST)),Makefile)

# Called as `make -f somewhere/Makefile`: everything below wants to run in that folder.
$(TARGETS):
	@$(MAKE) --no-print-directory -C '$(dir $(lastword $(MAKEFILE_LIST)))' $@

else

# Debian packages, by what needs them.
packages-to-build := libssl-dev libarchive-dev libpcsclite-dev libsqlite3-dev libpq-dev libqrencode-dev \
	nbdkit-plugin-dev pkg-config
packages-to-test := openssl libarchive-tools xorriso python3 python3-venv strace \
	pcscd vsmartcard-vpcd opensc pcsc-tools python3-pyscard groff-base \
	libiscsi-bin libiscsi-dev nbdkit libnbd-bin qemu-utils qemu-block-extra fio sg3-utils udev mtools dosfstools fdisk \
	procps util-linux bsdutils systemd postgresql chromium chromium-driver zbar-tools poppler-utils
packages-to-demo := openssl xorriso libjs-jquery-ui dosfstools mtools libiscsi-bin qemu-utils qemu-block-extra nbdkit \
	libnbd-bin
packages-to-bench := openssl pcscd vsmartcard-vpcd tgt libiscsi-bin nbdkit libnbd-bin qemu-utils qemu-block-extra \
	postgresql wrk
packages-to-lint := git python3 shellcheck

# Packages from PyPI that the tests compare with. They live in a folder of their own.
python-packages := 'cryptography>=42' 'tink==1.16.1' 'yubikey-manager==5.9.2' 'schemathesis==4.32.5'
python-folder := .build/venv

house := Tests/House

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 24

deps: packages-to-build packages-to-test packages-to-demo packages-to-bench packages-to-lint python ## Install what any target needs

build: swift packages-to-build ## Build for debugging
	swift build

release: swift packages-to-build ## Build for use
	swift build -c release

# Demonstration and tests share an optimised build, which tests may look into and whose assertions hold (decision 0014).
tested := -c release -Xswiftc -enable-testing -Xswiftc -assert-config -Xswiftc Debug --scratch-path .build/soak

demo: swift packages-to-build packages-to-demo ## Show the main job in ./demo: card, disc, copy, run, refusals
	swift build $(tested) --product warifu-nbd
	swift build $(tested) --product warifu
	@PATH="$$(swift build $(tested) --show-bin-path):$$PATH" Tests/Demo/demo.sh demo

# In a test run `python3` is the one that has the packages above.
run-tests := PATH='$(CURDIR)/$(python-folder)/bin':"$$PATH" $(house)/run-tests

# These take the longest: the centre's services on both engines, its server, and the commands.
beside := --beside '^LicenseCenterTests[.] ^CenterServerTests[.]' --beside '^CommandTests[.]'

build-tests: swift packages-to-build packages-to-test # What the next two build
	swift build --build-tests --quiet $(tested)

test: swift packages-to-build packages-to-test python ## Run every test, the long ones as a seeded sample
	$(run-tests) .build/test.log $(beside) $(tested)
	$(run-tests) .build/consumer.log --package-path Tests/Consumer --scratch-path .build/consumer

test-debug: swift packages-to-build packages-to-test python ## Run them in a debug build, where nothing is optimised
	$(run-tests) .build/test-debug.log $(beside)

soak: swift packages-to-build packages-to-test python ## Run every test at its full count; WARIFU_SEED=n repeats a run
	@export WARIFU_SOAK=1 WARIFU_SEED="$${WARIFU_SEED:-$$(od -A n -N 4 -t u4 /dev/urandom | tr -d ' ')}"; \
	echo "Seed: $$WARIFU_SEED"; \
	$(run-tests) .build/soak.log $(beside) $(tested)
	Tests/Fuzz/run.sh --pdus 10000000 iscsi-pdu iscsi-login

fuzz: swift packages-to-build ## Feed every parser and a whole card with AddressSanitizer, each for SECONDS=n (60)
	@Tests/Fuzz/run.sh '$(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)'

bench: swift packages-to-build packages-to-bench ## Measure, each figure beside its reference
	swift build -c release --product warifu-nbd
	swift build -c release --product warifu-bench
	@"$$(swift build -c release --show-bin-path)/warifu-bench"

lint: swift packages-to-lint ## Check format, doors, traceability, tidiness and shell scripts
	swift format lint --strict --parallel --recursive Sources Tests firmware-sim Benchmarks Package.swift
	python3 -B $(house)/doors.py
	python3 -B $(house)/traceability.py
	python3 -B $(house)/tidy.py
	git grep --untracked --files-with-matches -E '^#!.*\b(ba)?sh$$' | xargs shellcheck

firmware-check: swift ## Compile the firmware as Embedded Swift for a bare Cortex-M4
	firmware-sim/check.sh

clean: ## Remove what was built and what the demo made
	rm -rf .build demo

swift:
	@command -v swift >/dev/null || { echo 'Warifu needs Swift 6.2 or newer: https://www.swift.org/install' >&2; exit 69; }

packages-to-%:
	@$(house)/install-packages $($@)

python: packages-to-test
	@$(house)/install-python $(python-folder) $(python-packages)

endif
