"""What co-finetuning experiments with ViViT-L share: `cofinetune.py` with the larger model."""

_base_ = [
    './cofinetune_runtime.py',
    './datasets/cofinetune.py',
    './models/vivit_l_cofinetune.py',
    './schedules/sgd_warmup_cosine_15e.py',
]

# what all sets share: one group of training workers, whatever the number of sets
train_dataloader = dict(num_workers=8, persistent_workers=True)
val_dataloader = dict(num_workers=4)
test_dataloader = dict(num_workers=4)
