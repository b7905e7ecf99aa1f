"""What co-finetuning adds to every runtime: the runner, and when which data set comes.

An experiment gives `datasets` and `model.heads`, tied by their keys; see `mmlt.CoFinetuneRunner`.
"""

_base_ = './default_runtime.py'

runner_type = 'mmlt.CoFinetuneRunner'
dataset_schedule = dict(strategy='weighted')  # section 3.2.1: as often as their sizes say
