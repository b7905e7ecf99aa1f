#!/usr/bin/env bash
# Usage: tools/demo.sh [RANKS] [SEED]     (what `make demo` runs; PYTHON names the interpreter)
# Writes the toy world, trains a long-tailed action detector on it, tests it, shows where it fails.
set -euo pipefail
RANKS=${1:-2}
SEED=${2:-0}
cd "$(dirname "$0")/.."
export PYTHON=${PYTHON:-python} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export MKL_NUM_THREADS=${MKL_NUM_THREADS:-$OMP_NUM_THREADS} # unset, mmengine warns that it sets it
# What mmengine and mmcv do on a current torch and setuptools is no matter of this run's.
QUIET='ignore:`broadcast_buffers` is deprecated:FutureWarning'
QUIET+=',ignore:pkg_resources is deprecated as an API:UserWarning'
export PYTHONWARNINGS=${PYTHONWARNINGS:-$QUIET}
CONFIG=configs/toy/slowonly_toy_ava.py
RUN=work_dirs/demo/$(date +%Y%m%d_%H%M%S)_seed$SEED # a folder of its own: nothing is overwritten

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Leaves out two deprecations that mmengine logs about its own checkpoint hook.
without_noise() {
    "$@" 2>&1 | awk '!/WARNING - "(FileClient|HardDiskBackend)" / { print; fflush() }'
}

say "1/4 the toy world: data/toy (half a minute, once)"
"$PYTHON" tools/data/make_toy_world.py --out data/toy --parts ava --workers "$RANKS"

say "2/4 training: tools/dist_train.sh $CONFIG $RANKS --seed $SEED"
without_noise tools/dist_train.sh $CONFIG "$RANKS" --work-dir "$RUN" --seed "$SEED" --no-validate

say "3/4 testing: tools/dist_test.sh $CONFIG $RUN/last $RANKS"
without_noise tools/dist_test.sh $CONFIG "$(cat "$RUN/last_checkpoint")" "$RANKS" --work-dir "$RUN/test" \
    --cfg-options test_evaluator.out_dir="$RUN/test" test_evaluator.dump=detections.parquet

say "4/4 the report"
"$PYTHON" tools/analysis/report.py "$RUN/test" --names "baseline, seed $SEED" \
    --title "A long tail in the toy world"
echo "open it in a browser: file://$PWD/$RUN/test/report.html"
