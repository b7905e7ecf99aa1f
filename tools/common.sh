# What the scripts of this folder share; they source it. Help, checks of arguments, and quiet steps.

usage() { # the comment at the top of the script
    sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$0"
}
for WORD in "$@"; do
    case $WORD in -h | --help) usage && exit 0 ;; esac
done

refuse() { # MESSAGE ...: what the user can mend
    echo "$(basename "$0"): $*" >&2
    exit 2
}

check_plain_path() { # WHAT PATH: one that goes through mmengine's --cfg-options
    case $2 in # they drop spaces and take the others for lists
        *[][:space:],\'\"\(\)[]*) refuse "$1 must be without spaces, commas, quotes and brackets: $2" ;;
    esac
}

check_ranks() { # RANKS: what torch's launcher takes
    [[ $1 =~ ^([1-9][0-9]*|auto|cpu|gpu)$ ]] && return
    echo "error: RANKS must be a whole number, at least 1, not '$1'" >&2
    exit 2
}

STEP='' STEP_LOG='' STEP_START=0 WATCH=''

run_step() { # NAME LOG COMMAND ...: its output goes to the log; here one line tells its time
    STEP=$1 STEP_LOG=$2 STEP_START=$SECONDS
    mkdir -p "$(dirname "$STEP_LOG")"
    printf '== %s: ' "$STEP"
    if [ -t 1 ]; then
        watch_step &
        WATCH=$!
    fi
    "${@:3}" >>"$STEP_LOG" 2>&1
    end_watch
    printf '%s, log: %s\n' "$(passed)" "$STEP_LOG"
    STEP_LOG=''
}

passed() { # the time of the step
    local SEC=$((SECONDS - STEP_START))
    if [ $SEC -lt 60 ]; then echo "$SEC s"; else echo "$((SEC / 60)) min $((SEC % 60)) s"; fi
}

watch_step() { # on a terminal: its time, and how far a training or test is, every two seconds
    local FAR='s/.*(Epoch|Iter)(\([a-z]+\)) +(\[[^a-z]*\]) .*( loss: [0-9.]+).*/\1\2 \3\4/p;t'
    FAR+=';s/.*(Epoch|Iter)(\([a-z]+\)) +(\[[^a-z]*\]).*/\1\2 \3/p'
    while sleep 2; do
        printf '\r\033[K== %s: %s  %s' "$STEP" "$(passed)" \
            "$(tail -n 50 "$STEP_LOG" | sed -nE "$FAR" | tail -n 1)"
    done
}

end_watch() {
    [ -n "$WATCH" ] || return 0
    kill "$WATCH" && wait "$WATCH" 2>/dev/null || true
    WATCH=''
    printf '\r\033[K== %s: ' "$STEP"
}

tell_end() { # a step that has failed, or was stopped, shows the end of its log
    [ -n "$STEP_LOG" ] || return 0
    end_watch
    printf 'not finished after %s\n' "$(passed)"
    printf 'the end of %s:\n' "$STEP_LOG" >&2
    tail -n 20 "$STEP_LOG" >&2
}
trap tell_end EXIT
