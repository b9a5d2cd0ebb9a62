/** Bytes of each stream shown at most: this much of the head and this much of the tail. */
export const shownBytes = 8192;
/** Bytes of each stream's tail shown while the command runs. */
export const progressBytes = 1024;

const blockBytes = 512;

/** How many bytes of each stream the guest keeps: what is shown at least, and whole blocks. */
export function keptBytes(limitBytes: number): number {
  return Math.ceil(Math.max(limitBytes, 2 * shownBytes) / blockBytes) * blockBytes;
}

/**
 * Defines `_qga_keep FILE`, which takes in a stream and keeps it in the file that is its standard output. What bounds it
 * is a limit on that file: cat fails there, and tail takes the rest and keeps its end in `FILE.tail`. The command itself
 * never notices.
 *
 * A program for that costs as much as a short command, and most of these print to one stream at most: so the shell itself
 * waits for the first byte, where it can read a single one, whatever it is. (dash can't.)
 */
export function keepScript(limitBytes: number): string {
  return `_qga_1=
LC_ALL=C read -r -d '' -n 1 _qga_1 2>/dev/null <<'QGA'
12
QGA
_qga_keep() {
if [ "$_qga_1" = 1 ]; then
IFS= LC_ALL=C read -r -d '' -n 1 _qga_1 || return
if [ "$_qga_1" ]; then printf %s "$_qga_1"; else printf '\\0'; fi
fi
trap '' XFSZ; ulimit -f ${keptBytes(limitBytes) / blockBytes}; cat || tail -c ${shownBytes} >"$1.tail"
}`;
}

const marks = `if [ -e "$_qga.out.tail" ]; then _qga_o=$_qga_o+; fi
if [ -e "$_qga.err.tail" ]; then _qga_e=$_qga_e+; fi`;

/** How much is kept of each stream, as $_qga_o and $_qga_e; with a + where more came. */
export const sizesScript = `_qga_o=0 _qga_e=0
if [ -s "$_qga.out" ] || [ -s "$_qga.err" ]; then set -- $(wc -c "$_qga.out" "$_qga.err"); _qga_o=$1 _qga_e=$3; fi
${marks}`;

/** The same in the shell that has both files open, as 8 and 9: no program is needed where it stands in them. */
export const sizesByPositionScript = `read -r _qga_x _qga_o </proc/self/fdinfo/8; read -r _qga_x _qga_e </proc/self/fdinfo/9
${marks}`;

/**
 * Prints one line `qga1 ID done …`, then the bounded standard output; the bounded standard error goes to the script's own
 * standard error. Ends the script. What somebody in the guest put in a file's place is no longer for that.
 */
export function tellScript(id: string): string {
  return `_qga_show() {
if [ "$2" = 0 ]; then :
elif [ -e "$1.tail" ]; then head -c ${shownBytes} "$1"; $3 head -c ${shownBytes} "$1.tail"
elif [ "$2" -le ${2 * shownBytes} ]; then $3 head -c ${2 * shownBytes} "$1"
else head -c ${shownBytes} "$1"; $3 tail -c ${shownBytes} "$1"; fi
}
echo "qga1 ${id} done $_qga_boot $_qga_code $_qga_how $_qga_o $_qga_e"
_qga_show "$_qga.err" "$_qga_e" "" >&2
_qga_show "$_qga.out" "$_qga_o" exec
exit`;
}
