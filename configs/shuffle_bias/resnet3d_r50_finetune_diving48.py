"""3D ResNet-50, pretrained on another of the nine data sets, finetuned on Diving48.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), section 4.2 and Figure 2; one run for each source, the schedule of 3.4 (the
    paper gives no other). Which source: load_from; its classifier does not fit and is left out.
Expected: better from Something v2 and Jester than from Kinetics-400 and Moments in Time.
GPUs: 4, 32 clips each.
Command: tools/dist_train.sh configs/shuffle_bias/resnet3d_r50_finetune_diving48.py 4
    with --cfg-options load_from=work_dirs/resnet3d_r50_SOURCE/epoch_250.pth and a --work-dir
"""

_base_ = './resnet3d_r50_diving48.py'

load_from = 'work_dirs/resnet3d_r50_sthv2/epoch_250.pth'
