"""3D ResNet-50 from scratch on Something-Something v2, tested in order and with shuffled frames.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), Table 1.
Expected: accuracy 44.3 in order, 2.3 shuffled, log ratio 2.95 (the paper's).
GPUs: 4, 32 clips each, 250 epochs.
Command: tools/dist_train.sh configs/shuffle_bias/resnet3d_r50_sthv2.py 4
"""

_base_ = '../_base_/shuffle_bias.py'

root = 'data/sthv2'


def files(split):
    return dict(
        ann_file=f'{root}/sthv2_{split}_list_videos.txt',
        data_prefix=dict(video=f'{root}/videos'),
    )


model = dict(cls_head=dict(num_classes=174))
train_dataloader = dict(dataset=files('train'))
val_dataloader = dict(dataset=files('val'))
test_dataloader = dict(dataset=files('val'))
