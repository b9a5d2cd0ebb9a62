#!/usr/bin/env bash
# Installs Ansible with its libvirt_qemu connection into folder $1, for the machine's own Python. Takes half a minute; does
# nothing where the folder is there. Nothing is installed on the machine.
set -euo pipefail
out=$1
ansible=12.3.0 core=2.19.14
[ ! -d "$out" ] || exit 0
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.partial.XXXXXX")
trap 'rm -rf "$work"' EXIT
python=/usr/bin/python3

# Of the collections that Ansible's package carries one is needed: the rest is half a gigabyte.
export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
"$python" -m pip --quiet install --no-compile --target "$work/site" "ansible-core==$core"
"$python" -m pip --quiet download --no-deps --dest "$work/wheel" "ansible==$ansible"
"$python" -m zipfile -e "$work/wheel/"ansible-*.whl "$work/wheel/content"
mkdir -p "$work/site/ansible_collections/community"
cp -r "$work/wheel/content/ansible_collections/community/libvirt" "$work/site/ansible_collections/community"
# libvirt's own binding for Python, as Debian builds it for its Python.
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download python3-libvirt && dpkg-deb -x python3-libvirt_*.deb debian)
cp "$work/debian/usr/lib/python3/dist-packages/"libvirt*.{py,so} "$work/site"
rm -rf "$work/wheel" "$work/debian" "$work/"*.deb
PYTHONPATH=$work/site "$python" -c 'import ansible, libvirt, libvirt_qemu'
mv -T "$work" "$out"
