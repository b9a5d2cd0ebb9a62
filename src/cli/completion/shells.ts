/** Scripts that make a shell complete `kubectl-qga`; `kubectl qga` is completed by kubectl itself. */
export const shellScripts: Record<'bash' | 'zsh' | 'fish', string> = {
  bash: String.raw`# bash completion for kubectl-qga
_kubectl_qga() {
  local out directive line IFS=$'\n'
  local words=("${'$'}{COMP_WORDS[@]:1:COMP_CWORD}")
  out=$(kubectl-qga __complete "${'$'}{words[@]}" 2>/dev/null) || return
  directive=${'$'}{out##*:}
  COMPREPLY=()
  for line in ${'$'}{out%:*}; do COMPREPLY+=("${'$'}{line%%$'\t'*}"); done
  (( directive & 2 )) && compopt -o nospace
  (( directive & 4 )) || { (( ${'$'}{#COMPREPLY[@]} )) || compopt -o default; }
}
complete -F _kubectl_qga kubectl-qga`,
  zsh: String.raw`#compdef kubectl-qga
_kubectl_qga() {
  local out directive line
  local -a found
  out=$(kubectl-qga __complete "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null) || return
  directive=${'$'}{out##*:}
  for line in "${'$'}{(@f)${'$'}{out%:*}}"; do
    [[ -n $line ]] && found+=("${'$'}{${'$'}{line/:/\\:}/$'\t'/:}")
  done
  if (( directive & 2 )); then _describe -V kubectl-qga found -S ''; else _describe -V kubectl-qga found; fi
  (( directive & 4 )) || _files
}
compdef _kubectl_qga kubectl-qga`,
  fish: String.raw`# fish completion for kubectl-qga
function __kubectl_qga
  set -l words (commandline -opc) (commandline -ct)
  set -l out (kubectl-qga __complete $words[2..] 2>/dev/null)
  for line in $out
    string match -qr '^:\d+$' -- $line; or echo $line
  end
end
complete -c kubectl-qga -f -a '(__kubectl_qga)'`,
};

/** What kubectl looks for in the PATH when it completes a plugin: an executable of the name kubectl_complete-qga. */
export const kubectlCompleter = '#!/bin/sh\nexec kubectl qga __complete "$@"';
