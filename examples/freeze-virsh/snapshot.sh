#!/bin/sh
# A consistent copy of one guest's disk on its hypervisor, without storage that can snapshot. Run there, with kubectl:
#
#   ./snapshot.sh web-1 vda /var/lib/libvirt/images/web-1.qcow2 /backup/web-1.qcow2
#
# The guest is frozen only while virsh puts an overlay on its disk; the copy is made from what lies below it.
# `virsh snapshot-create-as --quiesce` is not used: it would freeze by itself, and nothing would thaw if it died.
set -eu

guest=$1 disk=$2 image=$3 copy=$4
namespace=${NAMESPACE:-default}
window="snapshot-$guest-$(date -u +%Y%m%d%H%M%S)-$$"
overlay="$image.$window"

kubectl() { command kubectl --namespace "$namespace" "$@"; }
source_of_disk() { virsh domblklist "$guest" | sed -n "s/^ *$disk  *\(.*[^ ]\) *$/\1/p"; }
release() { kubectl patch ffw "$window" --type=merge -p '{"spec":{"release":true}}'; }

# A shell hears a signal only between two commands, or while it waits for one.
child=
heeding() { "$@" & child=$!; wait "$child" && code=0 || code=$?; child=; return "$code"; }
# --shallow: into the image, and not into a template that may lie below it for many guests.
remove_overlay() { virsh blockcommit "$guest" "$disk" --active --shallow --pivot --wait && rm -f "$overlay"; }
abandon() {
  [ -z "$child" ] || kill "$child" || true
  [ -z "$held" ] || release >&2 || true
  rm -f "$copy.part"
  [ "$(source_of_disk)" != "$overlay" ] || remove_overlay
}
# On these, dash and busybox end without what is trapped for EXIT.
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM

# Below an overlay that another run left behind, the image is as it was then: a copy of it would be of that day.
source=$(source_of_disk)
[ "$source" = "$image" ] || { echo "$disk of $guest is ${source:-not there}, not $image: no copy was made" >&2; exit 1; }

held=true
trap abandon EXIT
kubectl create -f - <<EOF
apiVersion: qga.dev/v1alpha1
kind: FsFreezeWindow
metadata:
  name: $window
spec:
  target: { guestName: $guest }
  maxFrozenSeconds: 20
EOF
heeding command kubectl --namespace "$namespace" wait "ffw/$window" --for=jsonpath="{.status['phase','endedBy']}"=Frozen --timeout=120s

virsh snapshot-create-as "$guest" "$window" --disk-only --atomic --no-metadata --diskspec "$disk,file=$overlay"

consistent=true
held=
release && heeding command kubectl --namespace "$namespace" wait "ffw/$window" --for=jsonpath="{.status['phase','failureReason']}"=Completed --timeout=120s || consistent=false

# The overlay goes whatever the verdict is, and whatever becomes of the copy; an earlier copy stays until a new one is whole.
copied=false
if [ "$consistent" = true ]; then
  heeding qemu-img convert -U -O qcow2 "$image" "$copy.part" && mv "$copy.part" "$copy" && copied=true || rm -f "$copy.part"
fi
trap - EXIT
remove_overlay
[ "$consistent" = true ] || { echo "$guest was not frozen all the time: no copy was made" >&2; exit 1; }
[ "$copied" = true ] || { echo "the disk of $guest could not be copied" >&2; exit 1; }
