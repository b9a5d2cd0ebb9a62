#!/bin/sh
# Takes a backup in a CI job while guests are frozen, by nothing but kubectl:
#
#   SELECTOR=app=web ./backup.sh my-backup-command --its-arguments
#
# Ends with another status than 0 whenever the backup is not consistent. Whatever becomes of this script, the guests are
# thawed after maxFrozenSeconds at the latest.
set -eu

namespace=${NAMESPACE:-default}
window="backup-$(date -u +%Y%m%d%H%M%S)-$$"
label=${SELECTOR%%=*} value=${SELECTOR#*=}

kubectl() { command kubectl --namespace "$namespace" "$@"; }
release() { kubectl patch ffw "$window" --type=merge -p '{"spec":{"release":true}}'; }
explain() { kubectl get ffw "$window" -o jsonpath='{.status.phase}: {.status.conditions[?(@.type=="Completed")].message}{"\n"}' >&2; }

# A shell hears that its job is cancelled only between two commands, or while it waits for one.
child=
heeding() { "$@" & child=$!; wait "$child" && code=0 || code=$?; child=; return "$code"; }
let_go() { [ -z "$child" ] || kill "$child" || true; release >&2 || true; }
# On these, dash and busybox end without what is trapped for EXIT.
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
trap let_go EXIT

kubectl create -f - <<EOF
apiVersion: qga.dev/v1alpha1
kind: FsFreezeWindow
metadata:
  name: $window
spec:
  target: { selector: { matchLabels: { "$label": "$value" } } }
  maxFrozenSeconds: ${MAX_FROZEN_SECONDS:-60}
  startingDeadlineSeconds: 60
  ttlSecondsAfterFinished: 604800
EOF

# Ends as soon as it is known: with 0 when all guests are frozen, with 1 when they can't be.
heeding command kubectl --namespace "$namespace" wait "ffw/$window" --for=jsonpath="{.status['phase','endedBy']}"=Frozen --timeout=120s || { explain; exit 1; }

heeding "$@"

trap - EXIT
# Refused when the guests were thawed before the backup was done.
release || { explain; exit 1; }
kubectl wait "ffw/$window" --for=jsonpath="{.status['phase','failureReason']}"=Completed --timeout=120s || { explain; exit 1; }
explain
