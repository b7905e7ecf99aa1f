"""What mmlt adds to mmaction2's AVA configs; no key of theirs is named here.

An experiment takes the dictionaries as `{{_base_.ava_dataloader}}`, `{{_base_.ava_evaluator}}` and
`{{_base_.ava_hooks}}`: they merge into mmaction2's own, which keep their file names.
"""

num_classes = 81  # AVA's 80 classes and mmaction2's column 0

# Videos are cut from second 900 to second 1801, so frame 1 is second 900.
ava_dataloader = dict(
    dataset=dict(
        type='mmlt.AVADataset',
        num_classes=num_classes,
        timestamp_start=900,
        timestamp_end=1800,
    )
)
ava_evaluator = dict(
    type='mmlt.AVALongTailMetric',
    num_classes=num_classes,
    class_counts='ava_v2.2',  # ships with mmlt: Arnab et al. 2022, Table 9
)

ava_hooks = dict(resume_state=dict(type='mmlt.ResumeStateHook'))

custom_imports = dict(imports=['mmlt'], allow_failed_imports=False)
randomness = dict(seed=0)
