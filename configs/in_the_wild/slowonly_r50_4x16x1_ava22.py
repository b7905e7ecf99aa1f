"""SlowOnly-R50, 4 frames x 16, on AVA v2.2: the v2.1 recipe with the corrected annotations.

Source: mmaction2's v2.1 config of the same model (it has none for v2.2); "A Study on Action
    Detection in the Wild" (Zhang et al. 2019), section 3, for what is measured.
Expected: no number is published on v2.2; on v2.1 the recipe gives frame-mAP 20.72.
GPUs: 8, 16 clips each (8 x 16 = 128, learning rate 0.2), 20 epochs.
Command: tools/dist_train.sh configs/in_the_wild/slowonly_r50_4x16x1_ava22.py 8
"""

_base_ = './slowonly_r50_4x16x1_ava21.py'

anno_root = 'data/ava/annotations'
label_file = f'{anno_root}/ava_action_list_v2.2_for_activitynet_2019.pbtxt'
ann_file_train = f'{anno_root}/ava_train_v2.2.csv'
ann_file_val = f'{anno_root}/ava_val_v2.2.csv'
exclude_file_train = f'{anno_root}/ava_train_excluded_timestamps_v2.2.csv'
exclude_file_val = f'{anno_root}/ava_val_excluded_timestamps_v2.2.csv'

val_files = dict(ann_file=ann_file_val, exclude_file=exclude_file_val, label_file=label_file)

train_dataloader = dict(
    dataset=dict(
        ann_file=ann_file_train, exclude_file=exclude_file_train, label_file=label_file
    )
)
val_dataloader = dict(dataset=val_files)
test_dataloader = dict(dataset=val_files)
val_evaluator = val_files
test_evaluator = val_files
