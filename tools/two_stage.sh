#!/usr/bin/env bash
# Usage: tools/two_stage.sh CONFIG RANKS [--split ap|counts|FILE] [--tail-max N] [--work-dir DIR] [--seed S] [--cfg-options KEY=VALUE ...]
# Two-stage training of an AVA detector (Zhang et al. 2019, Algorithm 1), from nothing to a report:
# baseline -> AP on train and val -> head/tail split -> stage 1 -> features -> stage 2 -> report.
# CONFIG is the baseline; CONFIG_stage_one.py and CONFIG_stage_two.py must stand beside it (stage two on
# cached features). RANKS processes, one a GPU. --split ap (default) puts a class into the tail where AP
# on train is below AP on val; counts: where it has at most --tail-max training boxes (999); or a file.
# --cfg-options, last, hold wherever the detector is built or trained: in every step but stage 2.
# May be stopped at any time and started again: finished steps are skipped, trainings resume.
set -euo pipefail
usage() { sed -n '2s/^# //p' "$0" >&2; exit 2; }
refuse() { echo "two_stage.sh: $*" >&2; exit 2; }
[ $# -ge 2 ] && [[ $1 != -* ]] || usage
CONFIG=$1 RANKS=$2
shift 2
SPLIT=ap TAIL_MAX=999 SEED=0 WORK=work_dirs/two_stage/$(basename "$CONFIG" .py) OPTIONS=()
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
        --split) SPLIT=$2 ;;
        --tail-max) TAIL_MAX=$2 ;;
        --work-dir) WORK=$2 ;;
        --seed) SEED=$2 ;;
        --cfg-options) OPTIONS=("${@:2}"); break ;;
        *) usage ;;
    esac
    shift 2
done
TOOLS=$(dirname "$0")
export PYTHON=${PYTHON:-python}
STAGE_ONE=${CONFIG%.py}_stage_one.py STAGE_TWO=${CONFIG%.py}_stage_two.py
for FILE in "$CONFIG" "$STAGE_ONE" "$STAGE_TWO"; do
    [ -f "$FILE" ] || refuse "no config $FILE"
done
[[ $RANKS =~ ^[1-9][0-9]*$ ]] || refuse "RANKS must be a whole number, at least 1, not '$RANKS'"
[[ $SEED =~ ^[0-9]+$ ]] || refuse "--seed must be a whole number, not '$SEED'"
[[ $TAIL_MAX =~ ^[0-9]+$ ]] || refuse "--tail-max must be a whole number, not '$TAIL_MAX'"
[ "$SPLIT" = ap ] || [ "$SPLIT" = counts ] || [ -f "$SPLIT" ] || refuse "--split: no file $SPLIT"
case $WORK in # mmengine's --cfg-options drop spaces and take the others for lists
    *[][:space:],\'\"\(\)[]*) refuse "--work-dir must be without spaces, commas, quotes and brackets: $WORK" ;;
esac

# one folder, one experiment
ASKED="$CONFIG $RANKS --split $SPLIT --tail-max $TAIL_MAX --seed $SEED${OPTIONS[*]:+ --cfg-options ${OPTIONS[*]}}"
mkdir -p "$WORK/done"
if [ -f "$WORK/two_stage.txt" ]; then
    HELD=$(cat "$WORK/two_stage.txt")
    [ "$HELD" = "$ASKED" ] || refuse "$WORK holds '$HELD', not '$ASKED': choose another --work-dir"
else
    echo "$ASKED" >"$WORK/two_stage.new"
    mv "$WORK/two_stage.new" "$WORK/two_stage.txt"
fi

step() { # NAME COMMAND ...: run it unless it has been finished
    if [ -f "$WORK/done/$1" ]; then
        printf '== %s: done before\n' "$1"
        return
    fi
    printf '\n== %s: %s\n' "$1" "${*:2}"
    "${@:2}"
    touch "$WORK/done/$1"
}
train() { # NAME CONFIG KEY=VALUE ...
    local GIVEN=("${@:3}" ${OPTIONS[@]+"${OPTIONS[@]}"})
    "$TOOLS/dist_train.sh" "$2" "$RANKS" --work-dir "$WORK/$1" --resume --no-validate --seed "$SEED" \
        ${GIVEN[@]+--cfg-options "${GIVEN[@]}"}
}
last() { cat "$WORK/$1/last_checkpoint"; }
judge() { # NAME CHECKPOINT SPLIT: into its folder, anew if a stopped test has left one there
    local GROUPS_OF=()
    [ "$3" != test ] || GROUPS_OF=(test_evaluator.split_file="$WORK/split.json") # the split that was made
    rm -rf "${WORK:?}/$1"
    "$TOOLS/dist_test.sh" "$CONFIG" "$2" "$RANKS" --on "$3" --work-dir "$WORK/$1/log" \
        --cfg-options ${OPTIONS[@]+"${OPTIONS[@]}"} ${GROUPS_OF[@]+"${GROUPS_OF[@]}"} \
        test_evaluator.out_dir="$WORK/$1"
}
judge_baseline() { judge "baseline_$1" "$(last baseline)" "$1"; }
extract() {
    PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" "$PYTHON" -m torch.distributed.run --standalone \
        --nproc_per_node="$RANKS" "$TOOLS/features/extract_box_features.py" "$STAGE_ONE" "$(last stage_one)" \
        --out "$WORK/features" --split train val --launcher pytorch \
        --cfg-options "$SPLIT_OPTION" ${OPTIONS[@]+"${OPTIONS[@]}"}
}
split() {
    local COUNTS
    case $SPLIT in
        ap) "$PYTHON" "$TOOLS/analysis/split_by_ap.py" "$WORK/baseline_train" "$WORK/baseline_val" \
            --out "$WORK/split.json" --overwrite ;;
        counts)
            COUNTS=$(counts_file)
            "$PYTHON" "$TOOLS/analysis/split_by_counts.py" "$COUNTS" --tail-max "$TAIL_MAX" \
                --out "$WORK/split.json" --overwrite ;;
        *) cp "$SPLIT" "$WORK/split.json" ;;
    esac
}
counts_file() {
    "$PYTHON" -c "from mmengine.config import Config
import sys
counts = Config.fromfile(sys.argv[1]).test_evaluator.get('class_counts')
print(counts) if counts else sys.exit('two_stage.sh: ' + sys.argv[1] + ': test_evaluator has no class_counts')" "$CONFIG"
}
stage_two() {
    "$PYTHON" "$TOOLS/train.py" "$STAGE_TWO" --work-dir "$WORK/stage_two" --resume --no-validate --seed "$SEED" \
        --cfg-options train_dataloader.dataset.feature_dir="$WORK/features/train"
}
write_back() {
    "$PYTHON" "$TOOLS/convert/write_classifier_back.py" "$(last stage_one)" "$(last stage_two)" \
        --features "$WORK/features/train" --out "$WORK/two_stage.pth" --overwrite
}

SPLIT_OPTION=model.roi_head.bbox_head.split_file=$WORK/split.json
main() { # read as a whole before it starts: the script may be exchanged meanwhile
    [ "$SPLIT" = ap ] || step split split # first: it costs nothing, and may be refused
    step baseline train baseline "$CONFIG"
    if [ "$SPLIT" = ap ]; then
        step baseline_train judge_baseline train
        step baseline_val judge_baseline val
        step split split
    fi
    step stage_one train stage_one "$STAGE_ONE" "$SPLIT_OPTION"
    step features extract
    step stage_two stage_two
    step write_back write_back
    step baseline_test judge_baseline test
    step two_stage_test judge two_stage_test "$WORK/two_stage.pth" test
    step report "$PYTHON" "$TOOLS/analysis/report.py" "$WORK/baseline_test" "$WORK/two_stage_test" \
        --names baseline two-stage --title "Two-stage training" --out "$WORK/report.html" --overwrite
    printf '\ncheckpoint: %s\nreport: %s\n' "$WORK/two_stage.pth" "$WORK/report.html"
}
main; exit
