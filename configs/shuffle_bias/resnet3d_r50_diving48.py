"""3D ResNet-50 from scratch on Diving48, tested in order and with shuffled frames.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), Table 1.
Expected: accuracy 15.1 in order, 4.2 shuffled, log ratio 1.29 (the paper's).
GPUs: 4, 32 clips each, 250 epochs.
Command: tools/dist_train.sh configs/shuffle_bias/resnet3d_r50_diving48.py 4
"""

_base_ = '../_base_/shuffle_bias.py'

root = 'data/diving48'


def files(split):
    return dict(
        ann_file=f'{root}/diving48_{split}_list_videos.txt',
        data_prefix=dict(video=f'{root}/videos'),
    )


model = dict(cls_head=dict(num_classes=48))
train_dataloader = dict(dataset=files('train'))
val_dataloader = dict(dataset=files('val'))
test_dataloader = dict(dataset=files('val'))
