#!/usr/bin/env bash
# Usage: tools/two_stage.sh CONFIG RANKS [--split ap|counts|FILE] [--tail-max N] [--head-min N]
#        [--work-dir DIR] [--seed S] [--cfg-options KEY=VALUE ...]
# Two-stage training of an AVA detector (Zhang et al. 2019, Algorithm 1), from nothing to a report:
# baseline -> AP on train and val -> head/tail split -> stage 1 -> features -> stage 2 -> report.
# CONFIG is the baseline; CONFIG_stage_one.py and CONFIG_stage_two.py must stand beside it (stage two on
# cached features). RANKS processes, one a GPU. --split ap (default) puts a class into the tail where AP
# on train is below AP on val; a FILE is taken as it is; counts: classes of at most --tail-max training
# boxes (999, AVA's) are the tail and all others the head, of which stage 1 learns, or with --head-min
# those of more than that. --work-dir: work_dirs/two_stage/CONFIG. --seed: 0.
# --cfg-options, last, hold wherever the detector is built or trained: in every step but stage 2.
# What a step prints is in DIR/logs. May be stopped at any time and started again: finished steps are
# skipped, trainings resume.
set -euo pipefail
TOOLS=$(dirname "$0")
. "$TOOLS/common.sh" # --help, refuse, check_plain_path, run_step
wrong() { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
[ $# -ge 2 ] && [[ $1 != -* ]] || wrong
CONFIG=$1 RANKS=$2
shift 2
SPLIT=ap TAIL_MAX='' HEAD_MIN='' SEED=0 OPTIONS=()
WORK=work_dirs/two_stage/$(basename "$CONFIG" .py)
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || wrong
    case $1 in
        --split) SPLIT=$2 ;;
        --tail-max) TAIL_MAX=$2 ;;
        --head-min) HEAD_MIN=$2 ;;
        --work-dir) WORK=$2 ;;
        --seed) SEED=$2 ;;
        --cfg-options) OPTIONS=("${@:2}"); break ;;
        *) wrong ;;
    esac
    shift 2
done
export PYTHON=${PYTHON:-python}
STAGE_ONE=${CONFIG%.py}_stage_one.py STAGE_TWO=${CONFIG%.py}_stage_two.py
for FILE in "$CONFIG" "$STAGE_ONE" "$STAGE_TWO"; do
    [ -f "$FILE" ] || refuse "no config $FILE"
done
[[ $RANKS =~ ^[1-9][0-9]*$ ]] || refuse "RANKS must be a whole number, at least 1, not '$RANKS'"
[[ $SEED =~ ^[0-9]+$ ]] || refuse "--seed must be a whole number, not '$SEED'"
[[ $TAIL_MAX =~ ^[0-9]*$ ]] || refuse "--tail-max must be a whole number, not '$TAIL_MAX'"
[[ $HEAD_MIN =~ ^[0-9]*$ ]] || refuse "--head-min must be a whole number, not '$HEAD_MIN'"
[ "$SPLIT" = counts ] || [ -z "$TAIL_MAX$HEAD_MIN" ] || refuse "--tail-max and --head-min need --split counts"
[ "$SPLIT" = ap ] || [ "$SPLIT" = counts ] || [ -f "$SPLIT" ] || refuse "--split: no file $SPLIT"
check_plain_path --work-dir "$WORK"

# one folder, one experiment
ASKED="$CONFIG $RANKS --split $SPLIT --tail-max ${TAIL_MAX:-999}${HEAD_MIN:+ --head-min $HEAD_MIN} --seed $SEED"
ASKED+=${OPTIONS[*]:+ --cfg-options ${OPTIONS[*]}}
if [ -f "$WORK/two_stage.txt" ]; then
    HELD=$(cat "$WORK/two_stage.txt")
    [ "$HELD" = "$ASKED" ] || refuse "$WORK holds '$HELD', not '$ASKED': choose another --work-dir"
fi

step() { # NAME COMMAND ...: run it unless it has been finished
    if [ -f "$WORK/done/$1" ]; then
        printf '== %s: done before\n' "$1"
        return
    fi
    case $1 in
        split | report) # short, and worth reading
            printf '== %s:\n' "$1"
            "${@:2}"
            ;;
        *) run_step "$1" "$WORK/logs/$1.log" "${@:2}" ;;
    esac
    mkdir -p "$WORK/done"
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
    "$TOOLS/dist_test.sh" "$CONFIG" "$2" "$RANKS" --data-split "$3" --work-dir "$WORK/$1/log" \
        --cfg-options ${OPTIONS[@]+"${OPTIONS[@]}"} ${GROUPS_OF[@]+"${GROUPS_OF[@]}"} \
        test_evaluator.out_dir="$WORK/$1"
}
judge_baseline() { judge "baseline_$1" "$(last baseline)" "$1"; }
extract() {
    PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" "$PYTHON" "$TOOLS/launch.py" --standalone \
        --nproc_per_node="$RANKS" "$TOOLS/features/extract_box_features.py" "$STAGE_ONE" "$(last stage_one)" \
        --out "$WORK/features" --data-split train val --launcher pytorch \
        --cfg-options "$SPLIT_OPTION" ${OPTIONS[@]+"${OPTIONS[@]}"}
}
split_by_ap() {
    "$PYTHON" "$TOOLS/analysis/split_by_ap.py" "$WORK/baseline_train" "$WORK/baseline_val" \
        --out "$WORK/split.json" --overwrite
}
ask_config() { # PROGRAM FILE ...: a Python program whose c is a config; an error is one line
    PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" "$PYTHON" -c "import sys
from mmengine.config import Config
c = Config.fromfile(sys.argv[1])
try:
$1
except (OSError, ValueError) as error:
    print('two_stage.sh:', error, file=sys.stderr)
    sys.exit(2)" "${@:2}"
}
split_by_counts() {
    local COUNTS
    COUNTS=$(ask_config "
    counts = c.test_evaluator.get('class_counts')
    if not counts:
        raise ValueError(sys.argv[1] + ': test_evaluator has no class_counts, a counts.json of '
                         'tools/data/count_classes.py')
    print(counts)" "$CONFIG")
    [ -n "$TAIL_MAX" ] || echo "--tail-max is 999, as for AVA; give one that fits the counts of other data"
    "$PYTHON" "$TOOLS/analysis/split_by_counts.py" "$COUNTS" --tail-max "${TAIL_MAX:-999}" \
        ${HEAD_MIN:+--head-min "$HEAD_MIN"} --out "$WORK/split.json" --overwrite
}
take_split() { # what stage one would say of it
    ask_config "
    from mmlt.fileio.class_split import read_split
    head, file = c.model.roi_head.bbox_head, sys.argv[2]
    ids = head.get('class_ids') or range(1, head.num_classes)
    groups = read_split(file, ids, min_id=0).groups
    empty = [name for name in head.trained_groups if not groups.get(name)]
    if empty:
        raise ValueError(f'{file}: no class in {empty[0]}, which stage one trains')" "$STAGE_ONE" "$SPLIT"
    mkdir -p "$WORK"
    cp "$SPLIT" "$WORK/split.json"
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
    case $SPLIT in # first: it costs nothing, and one that is refused does not bind the folder
        ap) ;;
        counts) step split split_by_counts ;;
        *) step split take_split ;;
    esac
    mkdir -p "$WORK"
    echo "$ASKED" >"$WORK/two_stage.new"
    mv "$WORK/two_stage.new" "$WORK/two_stage.txt"
    step baseline train baseline "$CONFIG"
    if [ "$SPLIT" = ap ]; then
        step baseline_train judge_baseline train
        step baseline_val judge_baseline val
        step split split_by_ap
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
