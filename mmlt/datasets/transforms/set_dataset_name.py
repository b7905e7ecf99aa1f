"""Let a sample know which dataset it is of."""

from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform

from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SetDatasetName(BaseTransform):
    """Write the dataset's name into the data sample: ``data_sample.metainfo['dataset_name']``.

    Stands at the end of a pipeline, behind ``PackActionInputs``. ``mmlt.CoFinetuneRunner`` puts it
    there.

    Args:
        name: Of the dataset, its key in ``datasets``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Name the sample; ``results`` must hold ``data_samples``."""
        if 'data_samples' not in results:
            raise ValueError(
                f'SetDatasetName({self.name!r}) must stand behind PackActionInputs: results hold '
                f'no data_samples, only {", ".join(map(str, results))}'
            )
        results['data_samples'].set_metainfo({'dataset_name': self.name})
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(name={self.name!r})'
