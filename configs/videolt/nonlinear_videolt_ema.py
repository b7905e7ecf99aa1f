"""The baseline, judged by the moving average of its weights.

Source: "Mean teachers are better role models" (Tarvainen and Valpola 2017), the average alone.
Expected: not in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_ema.py
"""

_base_ = './nonlinear_videolt.py'

custom_hooks = [
    dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum={{'$VIDEOLT_EMA_MOMENTUM:0.001'}}, update_buffers=True),
]
