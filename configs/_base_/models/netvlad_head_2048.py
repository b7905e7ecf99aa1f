"""NetVLAD on 2,048 features: 64 clusters and a hidden layer of 1,024, which are its defaults."""

_base_ = './nonlinear_head_2048.py'

model = dict(head=dict(type='mmlt.NetVLADHead'))
