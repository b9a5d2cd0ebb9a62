# Sourced before the commands of a page: what stands in the place of the programs that they name, so that nothing is
# changed and nothing waits, while every word of them still has to be right. Needs REPOSITORY, KUBECTL, HELM and FAULTS.

fault() { echo "$*" >>"$FAULTS"; }

# The real kubectl as a dry run. An object may be missing that a page takes for granted, or be there already; a kind, a flag
# or a field may not be wrong.
kubectl() {
  if [ "$1" = qga ]; then
    shift
    knows_flags "$REPOSITORY/src/cli/main.ts" "$@"
    return
  fi
  local argument said verb=
  for argument; do
    shift
    case $argument in
      -w | --watch) continue ;;
      get | describe | logs | events | wait | apply | create | patch | annotate | label | delete) : "${verb:=$argument}" ;;
    esac
    set -- "$@" "$argument"
  done
  case $1 in port-forward) return ;; esac
  case $verb in
    get | describe | logs | events) ;;
    wait) set -- "$@" --timeout=1s ;;
    '') fault "kubectl $*: this test does not know how to try that" && return ;;
    *) set -- "$@" --dry-run=server ;;
  esac
  said=$("$KUBECTL" "$@" 2>&1 </dev/null) && return
  case $said in
    *'(NotFound)'* | *'(AlreadyExists)'* | *' not found' | *'timed out waiting'* | *'no matching resources'*) ;;
    *) fault "kubectl $*: $said" ;;
  esac
}

make() { command make --dry-run --directory "$REPOSITORY" "$@" >/dev/null 2>&1 || fault "make $*: the Makefile does not know it"; }

# The chart rendered with the same values.
helm() {
  local said verb=$1
  shift
  case $verb in install | upgrade) ;; *) return ;; esac
  for argument; do
    shift
    case $argument in --reset-then-reuse-values) continue ;; esac
    set -- "$@" "$argument"
  done
  said=$("$HELM" template "$@" 2>&1) || fault "helm $verb $*: $said"
}

# A program's command has each of the flags up to --.
knows_flags() { # program, command, arguments…
  local argument help program=$1
  help=$(command node "$program" "$2" --help 2>&1) || fault "$2: $help"
  shift 2
  for argument; do
    case $argument in
      --) return ;;
      --*) case $help in *"${argument%%=*}"*) ;; *) fault "$program does not know $argument" ;; esac ;;
    esac
  done
}
node() { shift && knows_flags "$REPOSITORY/src/main.ts" "$@"; }

# Others' programs, and what stands for a reader's own.
docker() { :; }
curl() { :; }
npm() { :; }
npx() { :; }
virsh() { :; }
my-backup() { :; }

command_not_found_handle() { fault "$1 is no command that this test knows"; }
