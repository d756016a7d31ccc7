#!/bin/sh
# Installs what Debian packages the demo or the tests need and this machine lacks; where it may not
# (no root, no password-less sudo, no apt-get), it names them.
#
#   scripts/setup.sh demo    what building dust needs
#   scripts/setup.sh test    what the tests need as well
set -eu

what=${1:-}
case $what in
    demo | test) ;;
    *)
        echo "usage: scripts/setup.sh demo|test" >&2
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
    need python3 python3-minimal
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
