#!/bin/sh
# Installs what Debian packages the demo or the tests need and this machine lacks; where it may not
# (no root, no password-less sudo, no apt-get), it names them. What else the tests need goes to the
# user's own folders: cargo-nextest, cargo-deb, and moto (140 MB, half a minute) under ~/.cache/dust-tests.
#
#   scripts/setup.sh demo    what building dust needs
#   scripts/setup.sh deb     what a Debian package needs as well: cargo-deb
#   scripts/setup.sh test    what the tests need as well
set -eu

# The EC2 API of the tests. tests/support/moto.rs looks for this version.
moto=5.2

what=${1:-}
case $what in
    demo | deb | test) ;;
    *)
        echo "usage: scripts/setup.sh demo|deb|test" >&2
        exit 2
        ;;
esac

# System programs are not on every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

missing=

has() {
    command -v "$1" >/dev/null 2>&1
}

# need PROGRAM PACKAGE...: the packages, unless the program is there.
need() {
    program=$1
    shift
    has "$program" || missing="$missing $*"
}

# libssh is compiled from source, against OpenSSL's headers; ring (of the demo's server) needs the
# compiler alone. Neither cmake nor perl is needed.
need make make
need cc gcc libc6-dev
need pkg-config pkg-config
if ! has pkg-config || ! pkg-config --exists 'openssl >= 1.1'; then
    missing="$missing libssl-dev"
fi

if [ "$what" != demo ]; then
    # What a package depends on is told by dpkg-shlibdeps.
    need dpkg-shlibdeps dpkg-dev
fi
if [ "$what" = test ]; then
    need sshd openssh-server
    need ssh openssh-client
    need bash bash
    need zsh zsh
    need fish fish
    need busybox busybox
    need mksh mksh
    need tcsh tcsh
    need dash dash
    need tmux tmux
    has vim || need vim.tiny vim-tiny
    need less less
    need pgrep procps
    need useradd passwd
    need openssl openssl
    need mandoc mandoc
    need groff groff
    need man man-db
    need rsync rsync
    need git git
    # moto's home is a Python environment of its own.
    if ! has python3 || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        missing="$missing python3 python3-venv"
    fi
fi

if [ -n "$missing" ]; then
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root='sudo -n'
        sudo -n true 2>/dev/null || as_root=none
    fi
    if [ "$as_root" = none ] || ! has apt-get; then
        echo "These Debian packages are needed:$missing" >&2
        echo "Install them, or what holds the same on your system, and try again." >&2
        exit 1
    fi
    echo "installing:$missing"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing </dev/null
fi

if ! has cargo; then
    if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        echo "cargo is in ${CARGO_HOME:-$HOME/.cargo}/bin, which is not on PATH" >&2
    else
        echo "cargo is needed: rustup (https://rustup.rs) installs it" >&2
    fi
    exit 1
fi

if [ "$what" = test ] && ! cargo nextest --version >/dev/null 2>&1; then
    echo "installing cargo-nextest"
    # It is a program of its own: its build belongs to no target folder of this project.
    env -u CARGO_TARGET_DIR cargo install --locked cargo-nextest </dev/null
fi

if [ "$what" != demo ] && ! cargo deb --version >/dev/null 2>&1; then
    echo "installing cargo-deb"
    env -u CARGO_TARGET_DIR cargo install --locked cargo-deb </dev/null
fi

if [ "$what" = test ]; then
    place=${XDG_CACHE_HOME:-$HOME/.cache}/dust-tests
    if [ ! -x "$place/moto-$moto/bin/python" ]; then
        echo "installing moto $moto in $place"
        mkdir -p "$place"
        new=$(mktemp -d "$place/new.XXXXXX")
        trap 'rm -rf "$new"' EXIT
        python3 -m venv "$new" </dev/null
        # moto[server] would bring three times as much, for other services than EC2.
        "$new/bin/python" -m pip install --quiet --disable-pip-version-check \
            "moto[ec2]==$moto.*" flask flask-cors </dev/null
        # It appears whole. Whoever was faster made the same.
        if [ ! -x "$place/moto-$moto/bin/python" ]; then
            rm -rf "$place/moto-$moto"
            mv -T "$new" "$place/moto-$moto"
        fi
    fi
fi
