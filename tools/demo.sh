#!/usr/bin/env bash
# Usage: tools/demo.sh [RANKS] [SEED]     (what `make demo` runs; PYTHON names the interpreter)
# Writes the toy world, trains a long-tailed action detector on it, tests it, shows where it fails.
# RANKS processes (2), a seed (0). What the steps print is in work_dirs/demo/RUN/logs.
set -euo pipefail
. "$(dirname "$0")/common.sh" # --help, run_step
RANKS=${1:-2}
SEED=${2:-0}
for NUMBER in "$RANKS" "$SEED"; do
    [[ $NUMBER =~ ^[0-9]+$ ]] && continue
    echo "error: demo.sh [RANKS] [SEED]: '$NUMBER' is no whole number" >&2
    exit 2
done
cd "$(dirname "$0")/.."
export PYTHON=${PYTHON:-python} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export MKL_NUM_THREADS=${MKL_NUM_THREADS:-$OMP_NUM_THREADS} # unset, mmengine warns that it sets it
CONFIG=configs/toy/slowonly_toy_ava.py
RUN=work_dirs/demo/$(date +%Y%m%d_%H%M%S)_seed$SEED # a folder of its own: nothing is overwritten

LOGS=$RUN/logs

echo "a long-tailed action detector on the toy world, some minutes; all files: $RUN"
"$PYTHON" tools/data/make_toy_world.py --out data/toy --parts ava --workers "$RANKS"
run_step "training: tools/dist_train.sh $CONFIG $RANKS --seed $SEED" "$LOGS/train.log" \
    tools/dist_train.sh $CONFIG "$RANKS" --work-dir "$RUN" --seed "$SEED" --no-validate
run_step "testing: tools/dist_test.sh $CONFIG CHECKPOINT $RANKS" "$LOGS/test.log" \
    tools/dist_test.sh $CONFIG "$(cat "$RUN/last_checkpoint")" "$RANKS" --work-dir "$RUN/test" \
    --cfg-options test_evaluator.out_dir="$RUN/test" test_evaluator.dump=detections.parquet
echo
"$PYTHON" tools/analysis/report.py "$RUN/test" --names "baseline, seed $SEED" \
    --title "A long tail in the toy world"
echo "open it in a browser: file://$PWD/$RUN/test/report.html"
