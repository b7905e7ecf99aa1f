"""Long-tail mixed reconstruction (LMR) of video features, in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmlt.functional import long_tail_mixed_reconstruction, reconstruction_contributions
from mmlt.functional.checks import check_real
from mmlt.models.losses._base import check_num_classes, column_counts
from mmlt.registry import MODELS


@MODELS.register_module()
class LongTailMixedReconstruction(nn.Module):
    """Rebuild the features of rare classes from frequent ones of the batch, then mix pairs.

    See :func:`mmlt.functional.long_tail_mixed_reconstruction`. It goes between a head's
    ``video_features`` and its classifier: ``FeatureRecognizer(feature_mixing=...)``. The authors
    use it in a second training, from a plainly trained model, with class-balanced sampling.

    Args:
        class_counts: A counts.json, the name of shipped counts, or C counts.
        class_ids: Class ids of the columns; None: all of the file, ascending.
        few_shot_max: A class with at most so many training samples is few-shot.
        decay: Of :func:`mmlt.functional.reconstruction_contributions`.
        epsilon: Of the same.
        max_contribution: Of the same.
        mix_ratio: Chance of a row to be mixed with another one.
    """

    def __init__(
        self,
        class_counts: str | Sequence[int],
        class_ids: Sequence[int] | None = None,
        *,
        few_shot_max: int = 20,
        decay: float = 0.25,
        epsilon: float = 1.25,
        max_contribution: float = 0.6,
        mix_ratio: float = 0.5,
    ) -> None:
        super().__init__()
        counts = column_counts(class_counts, class_ids)
        contributions = reconstruction_contributions(
            counts, decay=decay, epsilon=epsilon, max_contribution=max_contribution
        )
        self.few_shot_max = check_real('few_shot_max', few_shot_max, 0)
        self.mix_ratio = check_real('mix_ratio', mix_ratio, 0, 1)
        # from the config, so not in the state dict: a checkpoint fits a model without LMR
        self.register_buffer('class_counts', torch.from_numpy(counts), persistent=False)
        self.register_buffer('contributions', torch.from_numpy(contributions), persistent=False)

    def forward(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed features (B, H) and targets (B, C), of (B, H) and multi-hot (B, C); draws pairs."""
        check_num_classes(targets, len(self.class_counts))
        num_rows, device = len(features), features.device
        own_share = torch.rand(num_rows, device=device)
        is_mixed = torch.rand(num_rows, device=device) < self.mix_ratio
        return long_tail_mixed_reconstruction(
            features,
            targets,
            self.class_counts,
            self.contributions,
            few_shot_max=self.few_shot_max,
            own_share=own_share.where(is_mixed, 1.0),
            partner=torch.randint(max(num_rows, 1), (num_rows,), device=device),
        )
