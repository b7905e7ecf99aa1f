#!/usr/bin/env bash
# Usage: tools/dist_test.sh CONFIG CHECKPOINT RANKS [test.py arguments]
# RANKS processes on this machine, one a GPU, or gloo ranks on the CPU where there is no CUDA.
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT. PYTHON names the interpreter.
set -euo pipefail
. "$(dirname "$0")/common.sh" # --help
if [ $# -lt 3 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
if [ ! -f "$1" ]; then # the launcher would add a page of its own to each rank's line
    echo "error: $1: no such config" >&2
    exit 2
fi
if [ ! -f "$2" ] && [[ $2 != *://* ]]; then
    echo "error: $2: no such checkpoint" >&2
    exit 2
fi
RANKS=$3
check_ranks "$RANKS"
ARGS=("$1" "$2" --launcher pytorch "${@:4}")
NNODES=${NNODES:-1}
if [ "$NNODES" = 1 ] && [ -z "${PORT:-}" ]; then
    WHERE=(--standalone) # a free port: two runs on one machine do not meet
else
    WHERE=(--nnodes="$NNODES" --node_rank="${NODE_RANK:-0}"
        --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}")
fi
TOOLS=$(dirname "$0")
PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" exec "${PYTHON:-python}" "$TOOLS/launch.py" \
    "${WHERE[@]}" --nproc_per_node="$RANKS" "$TOOLS/test.py" "${ARGS[@]}"
