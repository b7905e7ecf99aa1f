"""What co-finetuning experiments with ViViT-B share; each adds its sets, heads and resolution."""

_base_ = [
    './cofinetune_runtime.py',
    './datasets/cofinetune_sets.py',
    './models/vivit_b_cofinetune.py',
    './schedules/sgd_warmup_cosine_15e.py',
]
