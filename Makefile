# Build, run and check stint. One file; `make help` lists what can be asked for.
# Everything built lies under build/$(MODE)/; third-party objects are cached under third_party/obj/ because they take long.

MODE ?= release
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# All cores, unless the caller says otherwise.
ifeq ($(filter -j%,$(MAKEFLAGS))$(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

ifeq ($(origin CC),default)
CC := gcc
endif
CCACHE := $(filter ccache,$(CC))
CLANG ?= $(CCACHE) clang
PREFIX ?= /usr/local
ENGINES ?= $(STINT_TEST_ENGINES)
DESTDIR ?=

.PHONY: all
all: program lib ## The program and its library, in build/release

# ---- Set-up: every goal that compiles first makes sure that it can. ----
NEEDS_NOTHING := help clean
NEEDS_TEST := test test-store test-e2e test-e2e-nodes test-e2e-pg test-pipeline chaos soak pg-shape $(if $(filter postgres,$(STORE)),bench bench-crawl)
NEEDS_CI := quick asan tsan fuzz lint format ci print-tidy-flags
GOALS := $(or $(MAKECMDGOALS),all)
ifndef STINT_DEPS
ifneq ($(filter-out $(NEEDS_NOTHING),$(GOALS)),)
DEPS_LEVEL := $(if $(filter $(NEEDS_CI),$(GOALS)),ci,$(if $(filter $(NEEDS_TEST),$(GOALS)),test,build))
export STINT_DEPS := $(shell tools/deps.sh $(DEPS_LEVEL) 1>&2 && echo $(DEPS_LEVEL))
ifeq ($(STINT_DEPS),)
$(error tools/deps.sh $(DEPS_LEVEL) failed: see above)
endif
endif
endif

# ---- Compilers and flags ----
comma := ,
B := build/$(MODE)
ARCH := $(shell uname -m)
VERSION := $(shell cat VERSION)

WARN := -Wall -Wextra -Werror -Wshadow -Wno-sign-conversion -Wno-missing-field-initializers \
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wimplicit-fallthrough \
  -Wundef -Wvla -Wpointer-arith -Wwrite-strings
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection -fstack-protector-strong \
  -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr \
  $(if $(filter x86_64,$(ARCH)),-fcf-protection=full) $(if $(filter aarch64,$(ARCH)),-mbranch-protection=standard)
HARDEN_LD := -pie -Wl,-z,nodlopen,-z,noexecstack,-z,relro,-z,now
PKGS := libuv libsodium libseccomp zlib libpq libpcre2-8 libutf8proc libcurl libcrypto libidn2 libxml-2.0
ifneq ($(filter-out $(NEEDS_NOTHING),$(GOALS)),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(PKGS))
CHECK_CFLAGS := $(shell pkg-config --cflags check)
CHECK_LIBS := $(shell pkg-config --libs check)
endif

# Outside headers by -isystem, so that our warnings are about our code.
INCLUDE := -Isrc -isystem third_party/sqlite -isystem third_party/llhttp -isystem third_party/tree-sitter/include
BASE := -std=gnu11 -D_GNU_SOURCE -DSTINT_VERSION='"$(VERSION)"' -include base/banned.h $(INCLUDE) $(PKG_CFLAGS) \
  -fPIC -fno-semantic-interposition -fno-strict-aliasing -g

UBSAN := -fsanitize=address,undefined -fno-sanitize-recover=all

ifeq ($(MODE),release)
COMPILER := $(CC)
CFLAGS := -O2 -Wconversion $(HARDEN)
LDFLAGS := $(HARDEN_LD)
else ifeq ($(MODE),test)
COMPILER := $(CC)
CFLAGS := -O2 -Wconversion $(HARDEN) -DSTINT_FAULTS
LDFLAGS := $(HARDEN_LD)
else ifeq ($(MODE),asan)
COMPILER := $(CLANG)
CFLAGS := -O1 -fno-omit-frame-pointer $(UBSAN) -DSTINT_FAULTS
LDFLAGS := -fsanitize=address,undefined
else ifeq ($(MODE),tsan)
COMPILER := $(CLANG)
CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=thread -DSTINT_FAULTS
LDFLAGS := -fsanitize=thread
else ifeq ($(MODE),fuzz)
COMPILER := $(CLANG)
CFLAGS := -O1 -fno-omit-frame-pointer $(UBSAN) -fsanitize=fuzzer-no-link -DSTINT_FAULTS
LDFLAGS := -fsanitize=address,undefined
else
$(error MODE is one of release test asan tsan fuzz)
endif
ALL_CFLAGS := $(BASE) $(WARN) $(CFLAGS)

# A change of flags rebuilds: objects depend on this file, which changes only when they do.
FLAGS_FILE := $(B)/flags
FLAGS_TEXT := $(COMPILER) $(ALL_CFLAGS)
.PHONY: always
$(FLAGS_FILE): always
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' >$@

# ---- Third-party sources: own flags, cached by compiler, flags and content; shared by checkouts. ----
SQLITE_FLAGS := -DHAVE_FDATASYNC=1 -DSQLITE_THREADSAFE=2 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_OMIT_DEPRECATED \
  -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DQS=0 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS \
  -DSQLITE_ENABLE_FTS5 -DSQLITE_MAX_EXPR_DEPTH=0 -DSQLITE_USE_ALLOCA -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2
LLHTTP_FLAGS := -DLLHTTP_STRICT_MODE=1 -Ithird_party/llhttp
TS_FLAGS := -std=gnu11 -D_GNU_SOURCE -Ithird_party/tree-sitter/include -Ithird_party/tree-sitter/src
GRAMMARS := typescript tsx javascript python c
TP_PLAIN := -O2 -g1 -w -fPIC -fno-strict-aliasing -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
TP_MODE := $(CFLAGS) -w -g1 -fPIC -fno-strict-aliasing
# SQLite stays plain under ASan (it is slow to instrument, and tested so by its makers); races are looked for in it too.
TP_KIND := $(if $(filter release test,$(MODE)),plain,$(MODE))
TP_SQLITE_KIND := $(if $(filter tsan,$(MODE)),tsan,plain)
TP_CC_plain := $(CC)
TP_FLAGS_plain := $(TP_PLAIN)
TP_CC_asan := $(CLANG)
TP_FLAGS_asan := $(TP_MODE)
TP_CC_tsan := $(CLANG)
TP_FLAGS_tsan := $(TP_MODE)
TP_CC_fuzz := $(CLANG)
TP_FLAGS_fuzz := $(TP_MODE)
# $(call tp_dir,KIND): the cache folder of a kind
tp_dir = third_party/obj/$(1)-$(shell { echo '$(TP_FLAGS_$(1)) $(SQLITE_FLAGS) $(LLHTTP_FLAGS) $(TS_FLAGS)'; \
  $(TP_CC_$(1)) --version; echo third_party/.sources-*; } | sha256sum | cut -c1-12)
ifneq ($(filter-out $(NEEDS_NOTHING),$(GOALS)),)
TP_DIR := $(call tp_dir,$(TP_KIND))
TP_SQLITE_DIR := $(if $(filter $(TP_KIND),$(TP_SQLITE_KIND)),$(TP_DIR),$(call tp_dir,$(TP_SQLITE_KIND)))
endif
SQLITE_OBJ := $(TP_SQLITE_DIR)/sqlite3.o
LLHTTP_OBJ := $(patsubst %,$(TP_DIR)/llhttp-%.o,llhttp api http)
TS_OBJ := $(TP_DIR)/tree-sitter-lib.o $(foreach g,$(GRAMMARS),$(TP_DIR)/grammar-$(g)-parser.o \
  $(if $(wildcard third_party/grammars/$(g)/src/scanner.c),$(TP_DIR)/grammar-$(g)-scanner.o))
TP_OBJ := $(SQLITE_OBJ) $(LLHTTP_OBJ) $(TS_OBJ)

# $(call tp_compile,COMPILER,SOURCE,FLAGS): once, although several checkouts may want it at the same time
define tp_compile
@mkdir -p $(@D); echo "  CC $@"; \
flock $@.lock sh -ec 'test -e $@ || { $(1) $(3) -c $(2) -o $@.new; mv $@.new $@; }'
endef

$(SQLITE_OBJ):
	$(call tp_compile,$(TP_CC_$(TP_SQLITE_KIND)),third_party/sqlite/sqlite3.c,$(TP_FLAGS_$(TP_SQLITE_KIND)) $(SQLITE_FLAGS))
$(TP_DIR)/llhttp-%.o:
	$(call tp_compile,$(TP_CC_$(TP_KIND)),third_party/llhttp/$*.c,$(TP_FLAGS_$(TP_KIND)) $(LLHTTP_FLAGS))
$(TP_DIR)/tree-sitter-lib.o:
	$(call tp_compile,$(TP_CC_$(TP_KIND)),third_party/tree-sitter/src/lib.c,$(TP_FLAGS_$(TP_KIND)) $(TS_FLAGS))
$(TP_DIR)/grammar-%-parser.o:
	$(call tp_compile,$(TP_CC_$(TP_KIND)),third_party/grammars/$*/src/parser.c,$(TP_FLAGS_$(TP_KIND)) -g0 -Ithird_party/grammars/$*/src)
$(TP_DIR)/grammar-%-scanner.o:
	$(call tp_compile,$(TP_CC_$(TP_KIND)),third_party/grammars/$*/src/scanner.c,$(TP_FLAGS_$(TP_KIND)) -Ithird_party/grammars/$*/src)

# ---- Assets: text files that the program carries (base/asset.h finds them by their path). ----
EMBED := $(sort $(wildcard src/api/openapi.json src/markdown/entities.txt sql/pg/shape.txt) $(shell find sql web -type f \( -name '*.sql' -o -path 'web/*' \) 2>/dev/null))
ASSETS_C := $(B)/assets.c
ASSETS_OBJ := $(B)/assets.o
$(ASSETS_C): $(EMBED) tools/embed.sh Makefile
	@mkdir -p $(@D); tools/embed.sh $(EMBED) >$@.new && mv $@.new $@
# .incbin is invisible to -MMD, hence the assets themselves as prerequisites; the text changes with their hashes.
$(ASSETS_OBJ): $(ASSETS_C) $(EMBED) $(FLAGS_FILE)
	@echo "  CC $@"; $(COMPILER) $(ALL_CFLAGS) -c $< -o $@

# ---- Our sources ----
SRC := $(sort $(shell find src -name '*.c'))
OBJ := $(SRC:%.c=$(B)/obj/%.o)
MAIN_OBJ := $(B)/obj/src/cmd/main.o
ALL_LIB := $(B)/libstint-all.a
PROGRAM := $(B)/stint

$(B)/obj/%.o: %.c $(FLAGS_FILE)
	@mkdir -p $(@D); echo "  CC $<"; $(COMPILER) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c $< -o $@
$(B)/obj/test/%.o: EXTRA := -Itest $(CHECK_CFLAGS)

# Archives are written anew: a file that left the tree must leave the archive.
define archive
@echo "  AR $@"; rm -f $@; ar crs $@ $(1)
endef
$(ALL_LIB): $(filter-out $(MAIN_OBJ),$(OBJ)) $(ASSETS_OBJ) $(B)/sources
	$(call archive,$(filter %.o,$^))
# The list of sources, so that a removed file rebuilds the archives.
$(B)/sources: always
	@mkdir -p $(@D); echo '$(SRC)' | cmp -s - $@ || echo '$(SRC)' >$@

$(PROGRAM): $(MAIN_OBJ) $(ALL_LIB) $(TP_OBJ)
	@echo "  LD $@"; $(COMPILER) $(LDFLAGS) -o $@ $(MAIN_OBJ) $(ALL_LIB) $(TP_OBJ) -Wl,--as-needed $(PKG_LIBS) -lm -lpthread

# libstint: what the client may include, and nothing of the server.
CLIENT_ROOMS := base core loop crypto net wire client
NOT_CLIENT := base/asset.o crypto/sha256.o net/address.o net/fetch.o net/fetch_look_up.o net/gunzip.o net/url.o
CLIENT_OBJ := $(filter-out $(NOT_CLIENT:%=$(B)/obj/src/%),$(foreach r,$(CLIENT_ROOMS),$(filter $(B)/obj/src/$(r)/%,$(OBJ))))
CLIENT_A := $(B)/libstint.a
CLIENT_SO := $(B)/libstint.so.0
CLIENT_LIBS := libuv libsodium zlib
# One object whose other names are local, so that they meet nobody else's in the user's program.
$(CLIENT_A): $(CLIENT_OBJ) $(LLHTTP_OBJ) $(B)/sources Makefile
	@echo "  AR $@"; ld -r -o $(B)/libstint.o $(filter %.o,$^)
	@objcopy --wildcard --keep-global-symbol='stint_*' $(B)/libstint.o
	@rm -f $@; ar crs $@ $(B)/libstint.o
# Only stint_* leaves the shared library.
$(CLIENT_SO): $(CLIENT_OBJ) $(LLHTTP_OBJ) $(B)/sources Makefile
	@echo "  LD $@"; echo '{ global: stint_*; local: *; };' >$(B)/libstint.map
	@$(COMPILER) -shared $(filter-out -pie,$(LDFLAGS:-Wl$(comma)-z$(comma)nodlopen=)) -Wl,-soname,libstint.so.0 \
	  -Wl,--version-script=$(B)/libstint.map -o $@ $(filter %.o,$^) -Wl,--as-needed $(PKG_LIBS) -lm -lpthread
	@ln -sf libstint.so.0 $(B)/libstint.so
$(B)/stint.pc: Makefile VERSION
	@mkdir -p $(@D); printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' 'Name: stint' \
	  'Description: client and worker library of the stint job server' 'Version: $(VERSION)' 'Libs: -L$${libdir} -lstint' \
	  'Requires.private: $(CLIENT_LIBS)' 'Libs.private: -lpthread -lm' 'Cflags: -I$${includedir}' >$@

.PHONY: program lib
program: $(if $(wildcard src/cmd/main.c),$(PROGRAM),$(ALL_LIB))
lib: $(CLIENT_A) $(CLIENT_SO) $(B)/stint.pc

# ---- Tests: two Check programs, the fuzz targets over their corpus, and node:test over the real binary. ----
TEST_HELP_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard test/*.c))
UNIT_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard test/unit/*.c))
STORE_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard test/store/*.c))
FUZZ_SRC := $(wildcard test/fuzz/f_*.c)
FUZZ_BIN := $(patsubst test/fuzz/%.c,$(B)/test/fuzz/%,$(FUZZ_SRC))
TEST_LINK = @mkdir -p $(@D); echo "  LD $@"; \
  $(COMPILER) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ALL_LIB) $(TP_OBJ) $(CHECK_LIBS) -Wl,--as-needed $(PKG_LIBS) -lm -lpthread

$(B)/test/unit: $(UNIT_OBJ) $(TEST_HELP_OBJ) $(ALL_LIB) | $(TP_OBJ)
	$(TEST_LINK)
$(B)/test/store: $(STORE_OBJ) $(TEST_HELP_OBJ) $(ALL_LIB) | $(TP_OBJ)
	$(TEST_LINK)
# In fuzz mode libFuzzer drives the targets; in the others a small main replays the corpus.
FUZZ_DRIVER := $(if $(filter fuzz,$(MODE)),,$(B)/obj/test/fuzz/replay_main.o)
$(B)/test/fuzz/%: $(B)/obj/test/fuzz/%.o $(FUZZ_DRIVER) $(ALL_LIB) | $(TP_OBJ)
	@mkdir -p $(@D); echo "  LD $@"; $(COMPILER) $(LDFLAGS) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(ALL_LIB) \
	  $(TP_OBJ) -Wl,--as-needed $(PKG_LIBS) -lm -lpthread

# Small programs by which tests in other languages ask our pure code.
DRIVER_BIN := $(patsubst test/drivers/%.c,$(B)/test/%,$(wildcard test/drivers/*.c))
$(DRIVER_BIN): $(B)/test/%: $(B)/obj/test/drivers/%.o $(ALL_LIB) | $(TP_OBJ)
	@mkdir -p $(@D); echo "  LD $@"; $(COMPILER) $(LDFLAGS) -o $@ $< $(ALL_LIB) $(TP_OBJ) -Wl,--as-needed $(PKG_LIBS) -lm -lpthread

# Small programs that measure what this machine can do at all.
LIMITS_BIN := $(patsubst bench/limits/%.c,$(B)/bench/%,$(wildcard bench/limits/*.c))
$(B)/bench/%: $(B)/obj/bench/limits/%.o $(ALL_LIB) | $(TP_OBJ)
	@mkdir -p $(@D); echo "  LD $@"; $(COMPILER) $(LDFLAGS) -o $@ $< $(ALL_LIB) $(TP_OBJ) -Wl,--as-needed $(PKG_LIBS) -lm -lpthread

.PHONY: test-programs
test-programs: $(B)/test/unit $(B)/test/store $(FUZZ_BIN) $(DRIVER_BIN) $(LIMITS_BIN) program lib

.PHONY: test
test: ## Every test: unit, store, fuzz corpus, checks, end to end, pipelines
	@$(MAKE) MODE=test test-programs
	@tools/run-tests.sh build/test unit store fuzz checks e2e e2e-nodes e2e-pg pipeline

.PHONY: test-unit
test-unit: ## Only the unit tests (seconds); ONLY=text runs those whose name has the text
	@$(MAKE) MODE=test build/test/test/unit
	@test/pg/cluster.sh build/test/test/unit $(ONLY)

.PHONY: test-store
test-store: ## Only the store's conformance and fault tests; ONLY= as above, ENGINES=sqlite,memory,pg
	@$(MAKE) MODE=test build/test/test/store
	@STINT_TEST_ENGINES=$(ENGINES) test/pg/cluster.sh build/test/test/store $(ONLY)

.PHONY: test-e2e test-e2e-nodes test-e2e-pg test-pipeline test-fuzz test-checks
test-e2e test-e2e-nodes test-e2e-pg test-pipeline test-fuzz test-checks: ## One suite of make test
	@$(MAKE) MODE=test test-programs
	@tools/run-tests.sh build/test $(@:test-%=%)

.PHONY: quick
quick: ## Before each commit: format of what changed, our checks, unit tests
	@tools/check-format.sh --changed
	@tools/lint.sh
	@$(MAKE) test-unit

.PHONY: asan
asan: ## The suites under AddressSanitizer and UBSan
	@$(MAKE) MODE=asan test-programs
	@STINT_SMALL=1 STINT_PATIENCE=4 STINT_LIB_FLAGS=-fsanitize=address,undefined \
	  tools/run-tests.sh build/asan unit store fuzz e2e e2e-nodes

.PHONY: tsan
tsan: ## Unit and store tests under ThreadSanitizer
	@$(MAKE) MODE=tsan build/tsan/test/unit build/tsan/test/store
	@STINT_SMALL=1 STINT_PATIENCE=8 tools/run-tests.sh build/tsan unit store

.PHONY: fuzz
FUZZ_SECONDS ?= 20
fuzz: ## Each fuzz target for FUZZ_SECONDS (20) with libFuzzer; ONLY=name runs one
	@$(MAKE) MODE=fuzz $(patsubst test/fuzz/%.c,build/fuzz/test/fuzz/%,$(FUZZ_SRC))
	@tools/run-fuzz.sh build/fuzz/test/fuzz $(FUZZ_SECONDS) $(ONLY)

.PHONY: chaos soak
chaos: ## Kills (CHAOS_KILLS=1000), power cuts (CHAOS_CUTS=35000 a model), fault points, outages of PostgreSQL and engines beside the model (CHAOS_ITEMS=2000000) at full size
	@$(MAKE) MODE=test test-programs
	@tools/deps.sh sites
	@tools/run-tests.sh build/test chaos
soak: ## Mixed load for SOAK_MINUTES (60): memory, files, log and database must not grow; PostgreSQL beside an open transaction
	@$(MAKE) MODE=test test-programs
	@tools/run-tests.sh build/test soak

.PHONY: bench
bench: all $(LIMITS_BIN) ## Speed and memory on this machine; SMOKE=1 for ten seconds, PEERS=1 beside others
	@bench/run.sh

.PHONY: bench-crawl
bench-crawl: $(PROGRAM) ## Whole sites to one document, beside wget --mirror; ROUNDS=3, SLOTS=8, STORE=postgres
	@tools/deps.sh sites
	@node bench/crawl.mjs

.PHONY: bench-md
bench-md: $(PROGRAM) $(B)/bench/markdown ## HTML to Markdown: how true it is to the pages of installed documentation, and how fast
	@[ -n "$(DOCS)" ] || tools/deps.sh pages
	@python3 bench/markdown/score.py $(PAGES)

.PHONY: lint
lint: ## Format, layers, sizes, bans, documentation, clang-tidy, shellcheck
	@bad=0; tools/check-format.sh || bad=1; tools/lint.sh || bad=1; tools/check-shell.sh || bad=1; tools/check-tidy.sh || bad=1; exit $$bad

.PHONY: print-tidy-flags
print-tidy-flags:
	@echo $(filter-out -Werror,$(BASE)) -Wno-everything -DSTINT_FAULTS

.PHONY: format
format: ## Lets clang-format rewrite our sources
	@find $(wildcard src test bench) -name '*.[ch]' -not -path '*/planted/*' -not -path '*/node_modules/*' -print0 | xargs -0 -r clang-format -i

.PHONY: pg-shape
pg-shape: ## After a new migration of PostgreSQL: writes sql/pg/shape.txt, with which servers compare the schema
	@test/pg/cluster.sh tools/pg-shape.sh

.PHONY: run
run: all ## Starts stint here and shows it at work on a real repository (REPO=, ONCE=1, STORE=postgres), or DEMO=prompts, or DEMO=crawl
	@tools/run-demo.sh

.PHONY: install
install: all ## Program, library, header and pkg-config file to PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	$(if $(wildcard src/cmd/main.c),install -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/stint)
	install -m 644 $(CLIENT_A) $(DESTDIR)$(PREFIX)/lib/libstint.a
	install -m 755 $(CLIENT_SO) $(DESTDIR)$(PREFIX)/lib/libstint.so.0
	ln -sf libstint.so.0 $(DESTDIR)$(PREFIX)/lib/libstint.so
	install -m 644 $(B)/stint.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/stint.pc
	$(if $(wildcard src/client/stint.h),install -m 644 src/client/stint.h $(DESTDIR)$(PREFIX)/include/stint.h)

.PHONY: ci
ci: ## What the project's CI runs
	@.ci/run

.PHONY: clean
clean: ## Removes build/ (third-party objects stay)
	rm -rf build

.PHONY: help
help: ## This list
	@sed -nE 's/^([a-z][a-z -]*):[^#]*## (.*)/\1\t\2/p' Makefile | \
	  awk -F '\t' '{n = split($$1, t, " "); for (i = 1; i <= n; i++) printf "  make %-14s %s\n", t[i], $$2}'

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
