"""Wrap the model for test-time augmentation, once its checkpoint is loaded."""

from __future__ import annotations

from mmengine.hooks import PrepareTTAHook as _PrepareTTAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mmlt.registry import HOOKS

_NUM_LISTED = 5  # weights in an error


@HOOKS.register_module()
class PrepareTTAHook(_PrepareTTAHook):
    """mmengine's ``PrepareTTAHook``, for a checkpoint that fits and for as long as the test lasts.

    The checkpoint is loaded into the bare model, on several ranks that within
    ``MMDistributedDataParallel``, before the test begins and this hook wraps it. After the test
    the runner has its own model back, whose weights other hooks may save. ``tools/test.py --tta``
    adds it.

    Args:
        tta_cfg: Config of the wrapper, e.g. ``dict(type='mmlt.AVATestTimeAug')``.

    Raises:
        ValueError: A weight of the model is not in the checkpoint, or has another shape there:
            mmengine would log that and test with random values.
    """

    priority = 'LOWEST'  # the others' before_test find the model as they know it

    def __init__(self, tta_cfg: dict) -> None:
        super().__init__(dict(tta_cfg))  # mmengine puts the model into it
        self._bare_model = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes with the model's, as mmengine is about to load them."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        saved = checkpoint.get('state_dict', checkpoint)
        saved = {name.removeprefix('module.'): value for name, value in saved.items()}
        absent = [
            name
            for name, value in model.state_dict().items()
            if isinstance(value, Tensor)
            and not name.endswith('num_batches_tracked')  # which old checkpoints lack
            and getattr(saved.get(name), 'shape', None) != value.shape
        ]
        if absent:
            rest = f' and {len(absent) - _NUM_LISTED} more' if len(absent) > _NUM_LISTED else ''
            raise ValueError(
                f'{runner._load_from}: {len(absent)} weights of the model are not in the '
                f'checkpoint, or have another shape: {", ".join(absent[:_NUM_LISTED])}{rest}'
            )

    def before_test(self, runner: Runner) -> None:
        """Wrap the model."""
        self._bare_model = runner.model
        super().before_test(runner)

    def after_test(self, runner: Runner) -> None:
        """Give the runner its model back."""
        runner.model, self._bare_model = self._bare_model, None
