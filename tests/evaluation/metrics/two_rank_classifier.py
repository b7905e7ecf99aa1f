"""One rank of a classifier's evaluation: two_rank_classifier.py RANK WORLD_SIZE JOB.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from mmlt.evaluation.metrics import LongTailMetric


def main(rank: int, world_size: int, job_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{job["rendezvous"]}', rank=rank, world_size=world_size
    )
    for case in job['cases']:
        metric = LongTailMetric(**case['metric'])
        for sample in case['shards'][rank]:
            tensors = {key: torch.tensor(sample[key]) for key in ('pred_score', 'gt_label')}
            metric.process({}, [{**sample, **tensors}])
        result = metric.evaluate(case['size'])
        text = json.dumps({key: float(value).hex() for key, value in result.items()})
        Path(f'{case["out"]}.rank{rank}').write_text(text)
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
