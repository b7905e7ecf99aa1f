"""The last layer of a detector, alone: dropout of .3 and one linear layer on 2,048 channels."""

num_classes = 61  # the 60 classes that AVA evaluates and mmaction2's column 0

model = dict(
    type='mmlt.BoxFeatureClassifier',
    in_channels=2048,
    num_classes=num_classes,
    dropout_ratio=0.3,
)
