#!/bin/sh
# Puts dust into its places, or takes it away again. `make install` and `make uninstall` call this.
#
#   scripts/install.sh install BINARY PREFIX [DESTDIR]
#   scripts/install.sh uninstall PREFIX [DESTDIR]
set -eu
cd "$(dirname "$0")/.."
umask 022

usage() {
    echo "usage: scripts/install.sh install BINARY PREFIX [DESTDIR]" >&2
    echo "       scripts/install.sh uninstall PREFIX [DESTDIR]" >&2
    exit 2
}

what=${1:-}
case $what in
    install)
        [ $# -ge 3 ] || usage
        binary=$2 prefix=$3 dest=${4:-}
        ;;
    uninstall)
        [ $# -ge 2 ] || usage
        binary=dust prefix=$2 dest=${3:-}
        ;;
    *) usage ;;
esac
case $prefix in
    /*) prefix=${prefix%/} ;;
    *)
        echo "PREFIX is not a full path: $prefix" >&2
        exit 2
        ;;
esac
root=$dest$prefix

# Folders of the system stay, also when nothing is left in them.
case $root in
    '' | /usr | /usr/local) ours= ;;
    *) ours=1 ;;
esac

# place MODE FILE PLACE: a file, and where it is below the prefix.
place() {
    to=$root/$3
    if [ "$what" = install ]; then
        mkdir -p "$(dirname "$to")"
        # A name of its own first: what runs goes on, and nobody sees half a file.
        cp "$2" "$to.new"
        chmod "$1" "$to.new"
        mv -f "$to.new" "$to"
        return
    fi
    rm -f "$to"
    folder=$(dirname "$to")
    case $ours$3 in
        1*) rm_empty "$folder" "$root" ;;
        share/doc/dust/*) rm_empty "$folder" "$root/share/doc" ;;
    esac
}

# rm_empty FOLDER TOP: this folder and those above that are empty by now, up to below the top.
rm_empty() {
    below=$1
    while [ "$below" != "$2" ] && [ "$below" != / ] && rmdir "$below" 2>/dev/null; do
        below=$(dirname "$below")
    done
}

place 755 "$binary" bin/dust
for page in man/*.[1-8]; do
    place 644 "$page" "share/man/man${page##*.}/${page##*/}"
done
place 644 completions/dust.bash share/bash-completion/completions/dust
place 644 completions/_dust share/zsh/site-functions/_dust
place 644 completions/dust.fish share/fish/vendor_completions.d/dust.fish
for file in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do
    place 644 "$file" "share/doc/dust/$file"
done
# The picture stands in the README.
place 644 man/session.svg share/doc/dust/man/session.svg
for example in examples/commands/*; do
    [ ! -f "$example" ] || place 755 "$example" "share/doc/dust/$example"
done
