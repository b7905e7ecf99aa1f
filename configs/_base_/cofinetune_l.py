"""What co-finetuning experiments with ViViT-L share: `cofinetune.py` with the larger model."""

_base_ = [
    './cofinetune_runtime.py',
    './datasets/cofinetune_sets.py',
    './models/vivit_l_cofinetune.py',
    './schedules/sgd_warmup_cosine_15e.py',
]
