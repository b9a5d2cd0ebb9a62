/**
 * Tells mode, size and SHA-256 of the file $1: of as much as it has at that moment, for a log grows by being read. Of a
 * file that the kernel makes up, the size says nothing.
 */
export const lookScript = `set -- "$1" $(stat -L -c '%a %s' -- "$1")
[ $# -eq 3 ] || exit 1
echo "$2 $3"
if [ "$3" -gt 0 ]; then head -c "$3"; else cat; fi < "$1" | sha256sum
`;

/**
 * Puts the $3 parts $2.0, $2.1… together and in the place of $1, as a whole: by a rename, once their SHA-256 is $4. Links
 * are followed. A file that is replaced keeps its owner, and gets mode $5. The parts are gone in the end.
 */
export const joinScript = `set -eu
umask 077
all="$2.all"
trap 'rm -f -- "$2".*' EXIT
place=$(readlink -f -- "$1")
if [ -d "$place" ]; then printf '%s is a folder\\n' "$place" >&2; exit 1; fi
i=0
while [ "$i" -lt "$3" ]; do cat -- "$2.$i"; i=$((i + 1)); done > "$all"
sum=$(sha256sum < "$all")
if [ "\${sum%% *}" != "$4" ]; then echo "the parts do not add up to what was sent" >&2; exit 1; fi
if [ -e "$place" ]; then chown "$(stat -c %u:%g -- "$place")" "$all"; fi
chmod "$5" "$all"
mv -f -- "$all" "$place"
`;

/** Removes the parts of a copy that won't come to its end. */
export const discardScript = `rm -f -- "$1".*`;
