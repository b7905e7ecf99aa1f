"""What a detector of own data has beside a model: data, evaluation, hooks and schedule.

Its data set is the folder that tools/data/prepare_videos.py and import_annotations.py write; where
the frames are, their rate and the length of each video stand in its videos.json. Its config.py
sets what depends on the data: files, classes, thresholds, epochs.

An experiment takes the data as `{{_base_.own_data.slowonly.train_dataloader}}` and the rest as
`{{_base_.own_schedule.optim_wrapper}}`: they replace mmaction2's, or merge into them.
"""

own_root = 'data/mine'
own_columns = 81  # highest class id + 1, for column 0 is mmaction2's: config.py sets it


def pipeline(clip, decode, *augmentations):
    return [
        dict(type='mmlt.SampleAVATimes', **clip),  # in seconds, whatever the rate
        decode,  # images, or the video file by time where there are none
        *augmentations,
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs'),
    ]


def dataloader(split, num_workers, **kwargs):
    return dict(
        num_workers=num_workers,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
        batch_size=kwargs.pop('batch_size', 1),  # AVARoIHead tests one clip at a time
        dataset=dict(
            type='mmlt.AVADataset',
            ann_file=f'{own_root}/annotations/{split}.csv',
            label_file=f'{own_root}/annotations/label_map.pbtxt',
            proposal_file=f'{own_root}/proposals.pkl',
            video_table=f'{own_root}/videos.json',
            num_classes=own_columns,
            person_det_score_thr=0.5,
            test_mode=split != 'train',
            **kwargs,
        ),
    )


def evaluator(split):
    return dict(
        type='mmlt.AVALongTailMetric',
        ann_file=f'{own_root}/annotations/{split}.csv',
        label_file=f'{own_root}/annotations/label_map.pbtxt',
        num_classes=own_columns,
        class_counts=f'{own_root}/annotations/counts.json',
        dump='detections.parquet',  # for the examples of tools/analysis/report.py
    )


def replacing(**parts):
    """For a config of mmaction2's, whose own are deleted."""
    return {name: dict(part, _delete_=True) for name, part in parts.items()}


def data(clip_len, interval_sec, *, batch_size, short_side=256, num_workers=4):
    clip = dict(clip_len=clip_len, interval_sec=interval_sec)
    decode = dict(type='mmlt.DecodeAVAClip', short_side=short_side)
    train = pipeline(
        clip,
        decode,
        dict(type='RandomRescale', scale_range=(short_side, 5 * short_side // 4)),
        dict(type='RandomCrop', size=short_side),
        dict(type='Flip', flip_ratio=0.5),
    )
    test = pipeline(clip, decode, dict(type='Resize', scale=(-1, short_side)))
    return dict(
        train_dataloader=dataloader('train', num_workers, batch_size=batch_size, pipeline=train),
        val_dataloader=dataloader('val', num_workers, pipeline=test),
        test_dataloader=dataloader('test', num_workers, pipeline=test),
        val_evaluator=evaluator('val'),
        test_evaluator=evaluator('test'),
    )


own_data = dict(
    # 16 frames at 30 a second
    slowonly=replacing(**data(clip_len=4, interval_sec=16 / 30, batch_size=16)),
    # 2 frames at 30 a second
    slowfast=replacing(**data(clip_len=32, interval_sec=2 / 30, batch_size=6)),
    toy=data(clip_len=8, interval_sec=1 / 5, batch_size=4, short_side=128, num_workers=1),
)

own_checks = [dict(type='mmlt.CheckDataHook')]  # of all splits, before the training
own_hooks = dict(
    checkpoint=dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=2, save_best='ava/mSAP', rule='greater'
    ),
    resume_state=dict(type='mmlt.ResumeStateHook'),
)

# SlowFast's learning rate for AVA, 0.2 for 128 clips, by the number of clips of a step
base_clips = 16
own_schedule = dict(
    optim_wrapper=dict(
        optimizer=dict(type='SGD', lr=0.025, momentum=0.9, weight_decay=1e-5),
        clip_grad=dict(max_norm=40, norm_type=2),
    ),
    # a cosine to train_cfg.max_epochs, which the config of a data set sets, and warm-up beside it
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.1, begin=0, end=1, convert_to_iter_based=True),
        dict(type='CosineAnnealingLR', begin=0, eta_min=0, convert_to_iter_based=True),
    ],
    auto_scale_lr=dict(enable=True, base_batch_size=base_clips),
    train_cfg=dict(max_epochs=20),
)

own_imports = dict(imports=['mmlt'], allow_failed_imports=False)
own_randomness = dict(seed=0)
