"""One rank's average error, in shards of samples: see test_average_error_metric.py."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from mmlt.evaluation.metrics import AverageErrorMetric


def main(rank: int, job_file: str) -> None:
    results = []
    for shards, samples in json.loads(Path(job_file).read_text()):
        metric = AverageErrorMetric()
        for index in shards[rank]:
            sample = samples[index]
            tensors = {key: torch.tensor(sample[key]) for key in ('pred_score', 'gt_label')}
            metric.process({}, [{**sample, **tensors}])
        results.append(metric.evaluate(len(samples)))
    Path(f'{job_file}.rank{rank}').write_text(json.dumps(results))
