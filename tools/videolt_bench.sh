#!/usr/bin/env bash
# Usage: tools/videolt_bench.sh DATA_ROOT [--heads nonlinear,netvlad] [--methods baseline,cbs,...] [--features NAME,...]
#        [--work-dir DIR] [--seed S] [--head-min N] [--tail-max N] [--epochs N] [--workers N]
# The tables of VideoLT (Zhang et al. 2021): every method with every head on every kind of features
# found in DATA_ROOT/features/NAME (or DATA_ROOT/features itself), for any data set in VideoLT's layout:
# DATA_ROOT/{train,val,test}.lst and count-labels-train.lst. One folder a run, WORK/NAME/HEAD_METHOD; the
# checkpoint with the best mAP on val is tested on test. Prints the table beside the paper's numbers.
# Classes of more than --head-min training videos (500) are the head, of at most --tail-max (100) the tail.
# --work-dir: work_dirs/videolt_bench. --seed: 0. --epochs: 100. --workers of each loader: 8. The names of
# the methods: python tools/analysis/videolt_bench.py plan --help
# What a run prints is in its train.log and test.log. May be stopped at any time and started again:
# finished runs are skipped, trainings resume.
set -euo pipefail
TOOLS=$(dirname "$0")
. "$TOOLS/common.sh" # --help, refuse, check_plain_path, run_step
wrong() { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
[ $# -ge 1 ] && [[ $1 != -* ]] || wrong
DATA_ROOT=$1
shift
PYTHON=${PYTHON:-python}
bench() { "$PYTHON" "$TOOLS/analysis/videolt_bench.py" "$@"; }
HEADS="nonlinear netvlad" METHODS='' FEATURES='' WORK=work_dirs/videolt_bench SEED=0
GIVEN=() GROUPS_AT=() WORKERS=()
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || wrong
    case $1 in
        --seed | --workers | --head-min | --tail-max | --epochs)
            [[ $2 =~ ^[0-9]+$ ]] || refuse "$1 must be a whole number, not '$2'" ;;&
        --heads) HEADS=${2//,/ } ;;
        --methods) METHODS=${2//,/ } ;;
        --features) FEATURES=${2//,/ } ;;
        --work-dir) WORK=$2 ;;
        --seed) SEED=$2 ;;
        --workers) WORKERS=("$1" "$2") ;;
        --head-min | --tail-max) GIVEN+=("$1" "$2") GROUPS_AT+=("$1" "$2") ;;
        --epochs)
            [ "$2" -ge 1 ] || refuse "--epochs must be at least 1"
            GIVEN+=("$1" "$2")
            ;;
        *) wrong ;;
    esac
    shift 2
done
check_plain_path DATA_ROOT "$DATA_ROOT"
check_plain_path --work-dir "$WORK"

# one folder, one experiment
ASKED="$DATA_ROOT seed $SEED ${GIVEN[*]:-}"
if [ -f "$WORK/bench.txt" ] && [ "$(cat "$WORK/bench.txt")" != "$ASKED" ]; then
    refuse "$WORK holds '$(cat "$WORK/bench.txt")', not '$ASKED': choose another --work-dir"
fi
PLAN=$(bench plan "$DATA_ROOT" --heads $HEADS ${METHODS:+--methods $METHODS} \
    ${FEATURES:+--features $FEATURES} ${GROUPS_AT[@]+"${GROUPS_AT[@]}"})
mkdir -p "$WORK"
echo "$ASKED" >"$WORK/bench.txt"

while read -r NAME HEAD METHOD CONFIG; do
    RUN=$WORK/$NAME/${HEAD}_$METHOD
    if [ -f "$RUN/test/metrics.json" ]; then
        echo "== $RUN: done before"
        continue
    fi
    mkdir -p "$RUN"
    bench options "$DATA_ROOT" "$NAME" "$HEAD" "$METHOD" --counts "$WORK/train_counts.json" \
        ${GIVEN[@]+"${GIVEN[@]}"} ${WORKERS[@]+"${WORKERS[@]}"} >"$RUN/options.txt"
    mapfile -t OPTIONS <"$RUN/options.txt"
    BASELINE=$WORK/$NAME/${HEAD}_baseline
    if [ "$METHOD" = lmr ] && [ -f "$BASELINE/trained" ]; then # it is a second training
        OPTIONS+=(model.init_cfg.type=Pretrained model.init_cfg.checkpoint="$(bench best "$BASELINE")")
    fi
    if [ ! -f "$RUN/trained" ]; then
        run_step "$RUN: training" "$RUN/train.log" \
            "$PYTHON" "$TOOLS/train.py" "$CONFIG" --work-dir "$RUN" --resume --seed "$SEED" \
            --cfg-options "${OPTIONS[@]}" </dev/null
        touch "$RUN/trained"
    fi
    rm -rf "$RUN/test" # of a test that was stopped
    run_step "$RUN: test" "$RUN/test.log" \
        "$PYTHON" "$TOOLS/test.py" "$CONFIG" "$(bench best "$RUN")" --work-dir "$RUN/test/log" \
        --cfg-options "${OPTIONS[@]}" test_evaluator.out_dir="$RUN/test" </dev/null
done <<<"$PLAN"

printf '\n'
bench table "$WORK" | tee "$WORK/table.md"
printf '\ntable: %s\nany two runs: %s %s RUN/test RUN/test --out report.html\n' \
    "$WORK/table.md" "$PYTHON" "$TOOLS/analysis/report.py"
