#!/usr/bin/env bash
# Usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [train.py arguments]
# GPUS processes (8) under Slurm, GPUS_PER_NODE (8, at most GPUS) on a node, CPUS_PER_TASK (5) each.
# SRUN_ARGS: more srun options. PORT: a fixed port. PYTHON names the interpreter.
set -euo pipefail
. "$(dirname "$0")/common.sh" # --help
if [ $# -lt 3 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
read -r -a SRUN_OPTIONS <<<"${SRUN_ARGS:-}"
export MASTER_PORT=${PORT:-$((20000 + RANDOM % 10000))} # two jobs on one node do not meet
TOOLS=$(dirname "$0")
PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" exec srun \
    --partition="$1" --job-name="$2" --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
    --gres="gpu:$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_OPTIONS[@]+"${SRUN_OPTIONS[@]}"} \
    "${PYTHON:-python}" -u "$TOOLS/train.py" "$3" --launcher slurm "${@:4}"
