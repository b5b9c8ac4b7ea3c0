#!/usr/bin/env bash
# deps.sh [build|test|ci]: makes this machine able to build (default), to test, or to run every check.
# deps.sh crawl: a web server and a documentation site for `make run DEMO=crawl`, and nothing else; deps.sh sites: all that
# `make bench-crawl` and the crawls of `make chaos` want; deps.sh pages: what `make bench-md` reads.
# Installs what is missing and nothing else: Debian packages, and C sources, test libraries and, where the machine's is too old for
# these, a Node.js to run them, through npm, pinned by integrity hashes. Called by make itself; takes a few milliseconds when nothing is missing.
# Refuses to guess: without the rights to install it says exactly what to install, and ends with 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
level=${1:-build}

# Debian package, and a file or program that tells that it is there.
build_packages="
gcc              program:gcc
libc6-dev        /usr/include/stdio.h
pkg-config       program:pkg-config
git              program:git
ca-certificates  /etc/ssl/certs/ca-certificates.crt
tzdata           /usr/share/zoneinfo/Europe/Berlin
libuv1-dev       /usr/include/uv.h
libsodium-dev    /usr/include/sodium.h
libseccomp-dev   /usr/include/seccomp.h
zlib1g-dev       /usr/include/zlib.h
libpq-dev        /usr/include/postgresql/libpq-fe.h
libcurl4-openssl-dev program:curl-config
libssl-dev       /usr/include/openssl/sha.h
libidn2-dev      /usr/include/idn2.h
libpcre2-dev     /usr/include/pcre2.h
libutf8proc-dev  /usr/include/utf8proc.h
libxml2-dev      program:xml2-config
uthash-dev       /usr/include/uthash.h
check            /usr/include/check.h
nodejs           program:node
npm              program:npm
"
# The tests start servers of their own: nothing runs by itself because these are installed.
test_packages="
postgresql-15    /usr/lib/postgresql/15/bin/postgres
pgbouncer        /usr/sbin/pgbouncer
json-schema-test-suite /usr/share/json-schema-test-suite
chromium         program:chromium
"
# A web server, and sites for it.
crawl_packages="
nginx-light      /usr/sbin/nginx
python3-doc      /usr/share/doc/python3-doc/html
"
sites_packages="
postgresql-doc-15 /usr/share/doc/postgresql-doc-15/html
wget             program:wget
"
# Documentation of many generators.
pages_packages="
python3          program:python3
python3-doc      /usr/share/doc/python3/html
postgresql-doc-15 /usr/share/doc/postgresql-doc-15/html
git-doc          /usr/share/doc/git/html
libeigen3-doc    /usr/share/doc/libeigen3-dev/html
python-django-doc /usr/share/doc/python-django-doc/html
nodejs-doc       /usr/share/doc/nodejs/api
"
ci_packages="
python3              program:python3
clang                program:clang
clang-format         program:clang-format
clang-tidy           program:clang-tidy
libclang-rt-14-dev   /usr/lib/llvm-14/lib/clang
shellcheck           program:shellcheck
"

# llhttp has no npm package with C sources and no package of its own in Debian 12; its generated C is inside this one.
llhttp_sums="
6e5a4528cd67bb79c3b1c1e08bb8b4d9beeac4775877098d28be0a8f0d000897  usr/share/llhttp/api.c
c55eda50972fb150c093d54ba4a92921906f1f51ee60a6b1e0d13f5b9877f539  usr/share/llhttp/http.c
af384dc4a9e83b4b2ef8a658117a42afa1ee1585344563818ac730604e150f5f  usr/share/llhttp/llhttp.c
d10cbae21267c5d08e0dac01c8584c799b50be7dddd0a0f3193d110922981c38  usr/share/include/llhttp/llhttp.h
"

say() { echo "deps: $*" >&2; }

missing_packages() { # LIST: the packages of the list that are not there
    local package probe
    while read -r package probe; do
        case "$probe" in
        '') ;;
        program:*) command -v "${probe#program:}" >/dev/null || echo "$package" ;;
        *) [ -e "$probe" ] || echo "$package" ;;
        esac
    done <<<"$1"
}

as_root() { # COMMAND...: asks for a password only where somebody can type one
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 2 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_install() { # PACKAGE...
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

may_install() { # PACKAGE...: or says what somebody else has to install
    if ! command -v apt-get >/dev/null; then
        say "this machine has no apt-get; install the equivalents of these Debian packages: $*"
        return 1
    fi
    if [ "$(id -u)" != 0 ] && ! { command -v sudo >/dev/null && { [ -t 2 ] || sudo -n true 2>/dev/null; }; }; then
        say "packages are missing, and installing them needs root. Run this, then make again:"
        say "    apt-get install --no-install-recommends $*"
        return 1
    fi
}

install_packages() { # PACKAGE...
    local log status=0
    may_install "$@" || return 1
    say "installing $*"
    log=$(mktemp)
    # Package lists may be absent or stale: at a failure they are fetched, and it is tried once more.
    apt_install "$@" >"$log" 2>&1 || { as_root apt-get update -q >"$log" 2>&1 && apt_install "$@" >>"$log" 2>&1; } || status=1
    [ $status = 0 ] || tail -20 "$log" >&2
    rm -f "$log"
    return $status
}

# Debian's packages of servers make a cluster and start it at once. Both is kept from them, for this installation only.
install_servers() { # PACKAGE...
    local made_policy='' changed_conf='' status=0
    local policy=/usr/sbin/policy-rc.d conf=/etc/postgresql-common/createcluster.conf
    may_install "$@" || return 1
    if [ ! -e $policy ]; then
        made_policy=1
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
    fi
    case " $* " in
    *" postgresql-"*)
        install_packages postgresql-common || status=1
        if [ $status = 0 ] && ! grep -qE '^ *create_main_cluster *= *false' $conf; then
            changed_conf=1
            as_root sh -c "cp $conf $conf.stint && echo 'create_main_cluster = false' >>$conf"
        fi
        ;;
    esac
    [ $status != 0 ] || install_packages "$@" || status=1
    [ -z "$changed_conf" ] || as_root mv $conf.stint $conf
    [ -z "$made_policy" ] || as_root rm -f $policy
    return $status
}

npm_ci() { # FOLDER WITH package.json AND LOCK, TARGET node_modules: installs beside the target, then swaps
    local from=$1 tmp to
    to=$(readlink -m "$2")
    mkdir -p "$(dirname "$to")"
    tmp=$(mktemp -d "$(dirname "$to")/.npm.XXXXXX")
    cp "$from/package.json" "$from/package-lock.json" "$tmp/"
    if ! (cd "$tmp" && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error >npm.log 2>&1); then
        tail -20 "$tmp/npm.log" >&2
        rm -rf "$tmp"
        return 1
    fi
    [ ! -e "$to" ] || mv "$to" "$tmp/old"
    mv "$tmp/node_modules" "$to"
    rm -rf "$tmp"
}

fill_llhttp() { # TARGET
    local tmp=$1.deb
    mkdir -p "$tmp"
    chmod 755 "$tmp"
    (
        cd "$tmp"
        apt-get download node-llhttp >log 2>&1 ||
            { as_root apt-get update -q >>log 2>&1 && apt-get download node-llhttp >>log 2>&1; } ||
            { tail -5 log >&2; say "llhttp comes from Debian's package node-llhttp, and that cannot be fetched"; exit 1; }
        dpkg-deb -x node-llhttp_*.deb .
        grep . <<<"$llhttp_sums" | sha256sum -c --quiet >&2
    )
    mkdir -p "$1"
    cp "$tmp"/usr/share/llhttp/{api,http,llhttp}.c "$tmp"/usr/share/include/llhttp/llhttp.h "$tmp"/usr/share/doc/node-llhttp/copyright "$1/"
    rm -rf "$tmp"
}

fill_grammar() { # TARGET NAME PACKAGE FOLDER IN IT
    mkdir -p "$1/$2"
    cp -r "$3/$4/src" "$1/$2/src"
    rm -f "$1/$2/src/grammar.json" "$1/$2/src/node-types.json"
    cp -r "$3/queries" "$3/LICENSE" "$1/$2/"
}

# The tests' libraries want this Node.js or a newer one; Debian 12 has 18. npm is the only one that still runs on the machine's own.
node_wanted=20

fill_node() { # third_party/node/bin/node, of this machine's kind
    say "fetching a Node.js for the tests: they want version $node_wanted, and $(command -v node) is $(node --version)"
    npm_ci tools/node third_party/node/node_modules
    (cd third_party/node && ln -sfn node_modules/node-linux-*/bin bin) # npm 9 makes no links of what is optional
    third_party/node/bin/node --version >/dev/null || {
        say "npm has no Node.js that runs here ($(uname -sm)); install version $node_wanted or a newer one, so that it is found as node"
        return 1
    }
}

fill_sources() { # third_party/{sqlite,llhttp,tree-sitter,grammars} from npm and Debian
    say "fetching the C sources that are compiled in"
    local new=third_party/.new modules
    rm -rf "$new"
    mkdir -p "$new"/{sqlite,tree-sitter,grammars}
    npm_ci tools/npm "$new/node_modules"
    modules=$new/node_modules
    cp "$modules"/better-sqlite3/deps/sqlite3/sqlite3{.c,.h,ext.h} "$new/sqlite/"
    cp -r "$modules"/tree-sitter/vendor/tree-sitter/lib/{include,src} "$modules/tree-sitter/LICENSE" "$new/tree-sitter/"
    cp -r "$modules/tree-sitter-typescript/common" "$new/grammars/common" # typescript and tsx share a scanner
    fill_grammar "$new/grammars" typescript "$modules/tree-sitter-typescript" typescript
    fill_grammar "$new/grammars" tsx "$modules/tree-sitter-typescript" tsx
    local language
    for language in javascript python c; do
        fill_grammar "$new/grammars" "$language" "$modules/tree-sitter-$language" .
    done
    fill_llhttp "$new/llhttp"
    local part
    for part in sqlite tree-sitter grammars llhttp; do
        rm -rf "third_party/$part"
        mv "$new/$part" third_party/
    done
    rm -rf "$new"
}

case "$level" in
crawl) documentation=$crawl_packages ;;
sites) documentation=$crawl_packages$sites_packages ;;
pages) documentation=$pages_packages ;;
*) documentation= ;;
esac
if [ -n "$documentation" ]; then
    need=$(missing_packages "$documentation")
    # Where images of containers leave documentation out, it is wanted all the same, also of what is installed already.
    # shellcheck disable=SC2086
    [ -z "$need" ] || install_servers --reinstall -o 'DPkg::Options::=--path-include=/usr/share/doc/*' $need
    exit
fi

need=$(missing_packages "$build_packages")
[ "$level" != ci ] || need="$need $(missing_packages "$ci_packages")"
# shellcheck disable=SC2116,SC2086 # a list, on one line
need=$(echo $need)
# shellcheck disable=SC2086
[ -z "$need" ] || install_packages $need
if [ "$level" != build ]; then
    need=$(missing_packages "$test_packages")
    # shellcheck disable=SC2086
    [ -z "$need" ] || install_servers $need
fi

# Checkouts may share one third_party/ by a symlink, so it is filled under a lock, by content.
mkdir -p third_party/
key=$({ cat tools/npm/package-lock.json; echo "$llhttp_sums"; } | sha256sum | cut -c1-16)
if [ ! -e "third_party/.sources-$key" ]; then
    exec 9>third_party/.lock
    flock 9
    if [ ! -e "third_party/.sources-$key" ]; then
        fill_sources
        rm -f third_party/.sources-*
        echo "$key" >"third_party/.sources-$key"
    fi
    exec 9>&-
fi

if [ "$level" != build ] && [ -e test/package-lock.json ]; then
    key=$(sha256sum <tools/node/package-lock.json | cut -c1-16)
    if [ ! -e "third_party/node/.stint-$key" ] && [ "$(node -p 'parseInt(process.versions.node)')" -lt $node_wanted ]; then
        fill_node
        touch "third_party/node/.stint-$key"
    fi
    key=$(sha256sum <test/package-lock.json | cut -c1-16)
    if [ ! -e "test/node_modules/.stint-$key" ]; then
        say "fetching the libraries of the tests"
        npm_ci test test/node_modules
        touch "test/node_modules/.stint-$key"
    fi
fi
