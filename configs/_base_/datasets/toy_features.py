"""Toy feature sequences (`python tools/data/make_toy_world.py --out data/toy --parts features`).

40 classes of 500 to 3 training videos: 7 head, 13 medium, 20 tail. A list's videos show their
classes in 15 to 50% of the frames.
"""

_base_ = './videolt_features.py'

data_root = 'data/toy/features'
feature_dir = f'{data_root}/features'
class_counts = 'data/toy/features_train_counts.json'
head_min, tail_max = 50, 10


def files(split):
    return dict(
        num_workers=0,
        persistent_workers=False,
        dataset=dict(
            ann_file=f'{data_root}/{split}.lst',
            count_file=f'{data_root}/count-labels-train.lst',
            data_prefix=dict(feature=feature_dir),
            feature_dim=64,
        ),
    )


train_dataloader = files('train')
val_dataloader = files('val')
test_dataloader = files('test')
val_evaluator = dict(class_counts=class_counts, head_min=head_min, tail_max=tail_max)
test_evaluator = dict(class_counts=class_counts, head_min=head_min, tail_max=tail_max)
