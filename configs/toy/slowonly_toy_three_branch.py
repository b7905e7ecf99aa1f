"""All three branches on the toy world with context: RoI, scene, and 21 seconds of feature bank.

Source: report on a three-branch solution to the 2019 ActivityNet challenge,
    section 3, made small. A branch is switched off by `model.roi_head.global_loss=None`,
    `model.roi_head.global_feature=False` or `model.roi_head.long_term=None`.
Expected on test: configs/three_branch/README.md.  Time: about six minutes on two free cores.
Needs: the bank of phase one, $FEATURE_BANK. Drawing apart, `python tools/three_branch.py
    configs/toy/slowonly_toy_three_branch.py 2 --score-thr 0.5` makes it, this, and a report.
Command: tools/dist_train.sh configs/toy/slowonly_toy_three_branch.py 2
"""

_base_ = ['./slowonly_toy_three_branch_phase_one.py', '../_base_/datasets/toy_tta.py']

model = dict(
    roi_head=dict(
        global_loss=dict(type='mmlt.FocalLoss', gamma=2.0, reduction='batchmean'),
        global_feature=True,
        long_term=dict(latent_channels=64),
    ),
)

train_dataloader = {{_base_.bank_dataloaders.train}}
val_dataloader = {{_base_.bank_dataloaders.val}}
test_dataloader = {{_base_.bank_dataloaders.test}}
tta_pipeline = [
    *_base_.bank_dataloaders.test.dataset.pipeline[:2],
    _base_.bank_dataloaders.test.dataset.pipeline[-2],
    dict(type='TestTimeAug', transforms={{_base_.tta_views}}),
]
bank_dataloaders = None
