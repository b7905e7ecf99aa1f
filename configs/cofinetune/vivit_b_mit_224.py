"""ViViT-B on Moments in Time alone, 224p: first stage of the traditional transfer to AVA.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Tables 1(b) and 2. How long the first stages take is not said: 15 epochs, as all others.
Expected: MiT top-1 36.8; from Kinetics-400 (below) 37.2.
Needs: the converted ImageNet-21K ViT (README.md says how).
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 800,000 / 128 = 6,250 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_mit_224.py 8
    second stage, Kinetics before Moments in Time: --work-dir work_dirs/vivit_b_k400_then_mit_224
    --cfg-options load_from=work_dirs/vivit_b_k400_224/epoch_15.pth
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(mit={{_base_.recipes.at_224.mit}})
model = dict(heads=dict(mit={{_base_.heads.mit}}))
recipes = heads = None
