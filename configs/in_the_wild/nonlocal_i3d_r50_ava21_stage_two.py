"""Stage two on AVA v2.1, on features extracted once: a linear classifier on a balanced set.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
    Features are of uncropped frames; `nonlocal_i3d_r50_ava21_stage_two_online.py` crops.
Expected: mSAP 49.1, tail 53.9, head 47.7 (Table 2).
    The paper's mSAP is on another scale than ours: README.md.
Needs: stage one's features of train and val (README.md says how). Others: --cfg-options
    train_dataloader.dataset.feature_dir=DIR val_dataloader.dataset.feature_dir=DIR
    test_dataloader.dataset.feature_dir=DIR
GPUs: 1, or CPU cores alone; 1,000 boxes an update on one process (on N, batch_size=1000/N). One
    epoch is 60 classes x 164,932 boxes of "stand" = 9.9 million boxes, 9,896 updates.
Uncertain: what the paper's .001 multiplies; its code is not public. Here the loss is the mean over
    boxes and classes, as Caffe2's SigmoidCrossEntropyLoss (normalize=1, its default) gives it, also
    in the code of Wu et al. (2019) for AVA; a sum over classes would make a 60 times longer step.
    How its classifier starts: finetuned (section 1) or re-learnt (5.3)? Here at zero. If the training loss has not
    levelled off at the end: --cfg-options optim_wrapper.optimizer.lr=.06
Command: tools/train.py configs/in_the_wild/nonlocal_i3d_r50_ava21_stage_two.py
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ava_box_features.py',
    '../_base_/models/box_feature_classifier_2048.py',
    '../_base_/schedules/sgd_linear_1e.py',
]

split_file = 'work_dirs/two_stage/nonlocal_i3d_r50_ava21/split.json'  # groups in the results

model = dict(class_ids={{_base_.custom_classes}})
train_dataloader = dict(
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate')
)
val_evaluator = dict(split_file=split_file)
test_evaluator = dict(split_file=split_file)

default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000))
