"""3D ResNet-50 from scratch on UCF-101, split 1, tested in order and with shuffled frames.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), Table 1.
Expected: accuracy 45.3 in order, 32.0 shuffled, log ratio 0.35 (the paper's).
GPUs: 4, 32 clips each, 250 epochs.
Command: tools/dist_train.sh configs/shuffle_bias/resnet3d_r50_ucf101.py 4
"""

_base_ = '../_base_/shuffle_bias.py'

root = 'data/ucf101'


def files(split):
    return dict(
        ann_file=f'{root}/ucf101_{split}_split_1_videos.txt',
        data_prefix=dict(video=f'{root}/videos'),
    )


model = dict(cls_head=dict(num_classes=101))
train_dataloader = dict(dataset=files('train'))
val_dataloader = dict(dataset=files('val'))
test_dataloader = dict(dataset=files('val'))
