#!/usr/bin/env bash
# Unpacks the Debian packages $2… into $1. They are not installed: they would start services on this machine, or remove
# what it has in their place.
set -euo pipefail

folder=$1
shift
mkdir -p "$(dirname "$folder")"
# Beside its place, so that it appears there by a rename.
partial=$(mktemp -d "$folder.partial.XXXXXX")
trap 'rm -rf "$partial"' EXIT
cd "$partial"
apt-get -q download "$@"
for package in *.deb; do dpkg-deb --extract "$package" root; done
rm -rf "$folder"
mv -T root "$folder"
