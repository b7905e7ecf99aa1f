"""Stage two on the toy world, on features extracted once: a linear classifier, balanced set.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
Expected: configs/in_the_wild/README.md.  One epoch: 30 classes x 3,037 boxes, 92 updates of 1,000.
Needs: stage one's features, by default where tools/two_stage.sh puts them; others: --cfg-options
    train_dataloader.dataset.feature_dir=DIR/train, the same for val_ and test_dataloader.
Command: tools/train.py configs/toy/slowonly_toy_ava_stage_two.py
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/toy_ava.py',
    '../_base_/schedules/sgd_linear_1e.py',
]

feature_root = 'work_dirs/two_stage/slowonly_toy_ava/features'
feature_dim, num_classes = 64, 31


def box_features(split, **kwargs):
    return dict(
        _delete_=True,
        type='mmlt.BoxFeatureDataset',
        feature_dir=f'{feature_root}/{split}',
        in_channels=feature_dim,
        num_classes=num_classes,
        **kwargs,
    )


def test_loader(split):
    return dict(dataset=box_features(split, kinds=('proposal',), per='keyframe'))


model = dict(
    type='mmlt.BoxFeatureClassifier',
    in_channels=feature_dim,
    num_classes=num_classes,
    dropout_ratio=0.3,
)
train_dataloader = dict(
    batch_size=1000,
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate'),
    dataset=box_features('train', kinds=('annotated',)),
)
val_dataloader = test_loader('val')
test_dataloader = test_loader('test')
optim_wrapper = dict(optimizer=dict(lr=3.0, weight_decay=0.0))  # the loss is a mean over classes
