"""mmaction2's AVADataset with its files checked before it trusts them."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any, NoReturn

from mmaction.datasets import AVADataset as _AVADataset
from mmengine.logging import print_log

from mmlt.datasets.proposals import read_proposals
from mmlt.functional import read_ava_csv, read_excluded_timestamps
from mmlt.functional._ava_csv import check_labels, num_columns
from mmlt.registry import DATASETS


@DATASETS.register_module()
class AVADataset(_AVADataset):
    """mmaction2's ``AVADataset``: same arguments, same samples, checked files.

    - An annotation row with a wrong number of columns, a bad number, x1 > x2 or a class id that
      the ``num_classes`` columns do not hold is an error that names file, line and value; so is a
      bad line of the exclusion list.
    - Proposals are read by an unpickler that knows numpy arrays and builtins only; mmaction2 runs
      whatever the file says.
    - Keyframes without proposals, which become one box as large as the frame, are counted in one
      warning.

    Args: those of mmaction2's ``AVADataset``.

    Differs from reference: AVA's label map for evaluation holds 60 of the 80 annotated classes, so
    a training label is checked against ``num_classes`` (with ``custom_classes`` the others are left
    out, as in mmaction2), not against the label map.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(_AVADataset).bind(*args, **kwargs)
        label_file = bound.arguments.get('label_file')
        if label_file is not None and not Path(label_file).is_file():
            raise FileNotFoundError(f'label_file: {label_file} does not exist')
        proposal_file = bound.arguments.pop('proposal_file', None)  # mmaction2 unpickles it freely
        super().__init__(*bound.args, **bound.kwargs)
        if proposal_file is not None:
            self.proposal_file = proposal_file
            self.proposals = read_proposals(proposal_file)
            self._count_missing_proposals()

    def load_data_list(self) -> list[dict]:
        """Check the annotations, then read them as mmaction2 does."""
        boxes = read_ava_csv(self.ann_file)
        columns = num_columns(self.ann_file)
        if columns != 8:
            raise ValueError(
                f'{self.ann_file}: {columns} columns; a dataset needs 8, the last one the person id'
            )
        if self.custom_classes is None:
            message = f'does not fit num_classes={self.num_classes} (1 to {self.num_classes - 1})'
            check_labels(self.ann_file, boxes, range(1, self.num_classes), message)
        with open(self.ann_file, 'rb') as file:
            if file.read(3) == b'\xef\xbb\xbf':
                raise ValueError(f'{self.ann_file}, line 1: a byte-order mark; save it without')
        try:
            return super().load_data_list()
        except (IndexError, ValueError) as error:
            self._raise_what_mmaction2_cannot_parse(error)

    def _raise_what_mmaction2_cannot_parse(self, cause: Exception) -> NoReturn:
        """Name the line: mmaction2 wants whole numbers, no quotes and no blank lines."""
        with open(self.ann_file, encoding='utf-8') as file:
            for number, line in enumerate(file, start=1):
                fields = line.strip().split(',')
                plain = len(fields) == 8 and all(fields[i].isdigit() for i in (1, 6, 7))
                if not plain:
                    raise ValueError(
                        f'{self.ann_file}, line {number}: {line.strip()!r}: a dataset needs 8 '
                        'fields without quotes; timestamp, label and person id whole numbers'
                    ) from cause
        raise cause

    def filter_data(self) -> list[dict]:
        """Leave out the excluded keyframes."""
        data_list = self.data_list
        if self.exclude_file is not None:
            excluded = read_excluded_timestamps(self.exclude_file)
            data_list = [
                info for info in data_list if (info['video_id'], info['timestamp']) not in excluded
            ]
        if not data_list:
            raise ValueError(f'{self.ann_file}: {self.exclude_file} excludes every keyframe')
        print_log(f'{len(data_list)} out of {len(self.data_list)} frames are valid.', 'current')
        self._keyframes = [info['img_key'] for info in data_list]
        return data_list

    def _count_missing_proposals(self) -> None:
        keys = self.__dict__.pop('_keyframes', [])
        missing = [key for key in keys if key not in self.proposals]
        if missing:
            print_log(
                f'{self.proposal_file}: no proposal for {len(missing)} of {len(keys)} keyframes '
                f'(the first: {missing[0]!r}); each gets one box as large as the frame',
                'current',
                logging.WARNING,
            )
