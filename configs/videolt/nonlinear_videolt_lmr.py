"""Long-tail mixed reconstruction: rare videos rebuilt from frequent ones, then mixed.

Source: "Use Your Head: Improving Long-Tail Video Recognition" (Perrett et al. 2023), section 5,
    with its balanced sampling. It trains from a plain model: --cfg-options load_from=CHECKPOINT.
Expected: not in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_lmr.py
"""

_base_ = './nonlinear_videolt.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='uniform')
)
model = dict(
    feature_mixing=dict(
        type='mmlt.LongTailMixedReconstruction',
        class_counts={{_base_.class_counts}},
        few_shot_max={{_base_.tail_max}},
    )
)
