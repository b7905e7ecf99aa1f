"""RoI features of AVA v2.1, extracted once through a frozen trunk, in the place of its frames.

`python tools/features/extract_box_features.py CONFIG CHECKPOINT --out DIR` writes them. Training
takes the annotated boxes, testing the proposed ones; the ground truth is that of `ava_12fps.py`.
"""

_base_ = './ava_12fps.py'

feature_root = 'work_dirs/two_stage/nonlocal_i3d_r50_ava21/features'
feature_dim = 2048


def box_features(split, **kwargs):
    return dict(
        _delete_=True,
        type='mmlt.BoxFeatureDataset',
        feature_dir=f'{feature_root}/{split}',
        in_channels=feature_dim,
        num_classes={{_base_.num_columns}},
        **kwargs,
    )


def feature_test_dataloader():
    return dict(dataset=box_features('val', kinds=('proposal',), per='keyframe'))


train_dataloader = dict(batch_size=1000, dataset=box_features('train', kinds=('annotated',)))
val_dataloader = feature_test_dataloader()
test_dataloader = feature_test_dataloader()
