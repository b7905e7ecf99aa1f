"""mmaction2's AVADataset with its files checked before it trusts them."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from typing import Any

from mmaction.datasets import AVADataset as _AVADataset
from mmengine.logging import print_log

from mmlt.datasets.proposals import read_proposals
from mmlt.functional import check_labels, read_ava_csv
from mmlt.registry import DATASETS


@DATASETS.register_module()
class AVADataset(_AVADataset):
    """mmaction2's ``AVADataset``; same arguments, same samples, checked files.

    - An annotation row with a wrong number of columns, a bad number, x1 > x2 or a class id that
      the ``num_classes`` columns do not hold is an error that names file, line and value.
    - Proposals are read by an unpickler that knows numpy arrays and builtins only; mmaction2 runs
      whatever the file says.
    - Annotated keyframes without proposals, which become one box as large as the frame, are counted
      in one warning.

    Args: those of mmaction2's ``AVADataset``.

    Differs from reference: AVA's label map for evaluation holds 60 of the 80 annotated classes, so
    a training label is checked against ``num_classes`` (or ``custom_classes``: others are left
    out, as in mmaction2), not against the label map.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence,
        *args: Any,
        proposal_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ann_file, pipeline, *args, **kwargs)
        if proposal_file is not None:
            self.proposal_file = proposal_file
            self.proposals = read_proposals(proposal_file)
            self._count_missing_proposals()

    def load_data_list(self) -> list[dict]:
        """Check the annotations, then read them as mmaction2 does."""
        boxes = read_ava_csv(self.ann_file)
        with open(self.ann_file, newline='', encoding='utf-8') as file:
            num_columns = len(next(row for row in csv.reader(file) if row))
        if num_columns != 8:
            raise ValueError(
                f'{self.ann_file}: {num_columns} columns; a dataset needs 8, the last one the '
                'person id'
            )
        if self.custom_classes is None:
            hint = f'num_classes={self.num_classes} has room for 1 to {self.num_classes - 1}'
            check_labels(self.ann_file, boxes, range(1, self.num_classes), hint=hint)
        data_list = super().load_data_list()
        self._keyframes = [info['img_key'] for info in data_list]
        return data_list

    def _count_missing_proposals(self) -> None:
        keys = self.__dict__.pop('_keyframes', [])
        missing = [key for key in keys if key not in self.proposals]
        if missing:
            print_log(
                f'{self.proposal_file}: no proposal for {len(missing)} of {len(keys)} annotated '
                f'keyframes (the first: {missing[0]!r}); each gets one box as large as the frame',
                'current',
                logging.WARNING,
            )
