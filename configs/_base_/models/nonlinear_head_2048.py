"""Two layers on every frame's 2,048 features, logits averaged; 1,004 classes, one sigmoid each."""

num_classes = {{'$VIDEOLT_CLASSES:1004'}}

model = dict(
    type='mmlt.FeatureRecognizer',
    data_preprocessor=dict(type='mmlt.FeatureDataPreprocessor', num_classes=num_classes),
    head=dict(
        type='mmlt.NonlinearHead',
        in_channels={{'$VIDEOLT_CHANNELS:2048'}},
        num_classes=num_classes,
        loss_cls=dict(type='mmlt.BCELoss'),
    ),
)
