# What the scripts that start ranks share; they source it. Help, and a check of RANKS.

usage() { # the comment at the top of the script
    sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$0"
}
for WORD in "$@"; do
    case $WORD in -h | --help) usage && exit 0 ;; esac
done

check_ranks() { # RANKS: what torch's launcher takes
    [[ $1 =~ ^([1-9][0-9]*|auto|cpu|gpu)$ ]] && return
    echo "error: RANKS must be a whole number, at least 1, not '$1'" >&2
    exit 2
}
