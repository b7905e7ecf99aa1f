"""3D ResNet-50 from scratch on trimmed ActivityNet v1.3, tested in order and with shuffled frames.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), Table 1.
Expected: accuracy 33.4 in order, 29.6 shuffled, log ratio 0.12 (the paper's).
GPUs: 4, 32 clips each, 250 epochs.
Command: tools/dist_train.sh configs/shuffle_bias/resnet3d_r50_activitynet.py 4
"""

_base_ = '../_base_/shuffle_bias.py'

root = 'data/ActivityNet'


def files(split):
    return dict(
        type='RawframeDataset',  # frames of whole videos, and where each action begins and ends
        ann_file=f'{root}/anet_{split}_clip.txt',
        data_prefix=dict(img=f'{root}/rawframes'),
        filename_tmpl='img_{:05}.jpg',
        with_offset=True,
    )


model = dict(cls_head=dict(num_classes=200))
train_dataloader = dict(dataset=dict(pipeline={{_base_.rawframe_train_pipeline}}, **files('train')))
val_dataloader = dict(dataset=dict(pipeline={{_base_.rawframe_test_pipeline}}, **files('val')))
test_dataloader = dict(dataset=dict(pipeline={{_base_.rawframe_test_pipeline}}, **files('val')))
