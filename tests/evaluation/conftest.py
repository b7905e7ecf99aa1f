"""Made-up evaluations that look like real ones: 60 AVA classes with their real training counts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import mmlt
from mmlt.evaluation.classification import evaluate_classification
from mmlt.evaluation.runs.folder import write_results
from mmlt.fileio.class_counts import ClassCounts

COUNTS_FILE = Path(mmlt.__file__).parent / 'resources' / 'ava_v2.2_train_counts.json'


def ava_classes():
    classes = json.loads(COUNTS_FILE.read_text(encoding='utf-8'))['classes']
    return [(entry['name'], entry['id'], entry['count']) for entry in classes]


def many_classes(count):
    """Zipf's law over ``count`` classes."""
    return [(f'class number {i}', i, int(60_000 / (i + 2))) for i in range(1, count + 1)]


def example_metrics(seed=0, tail_gain=0.0, with_counts=True, classes=None):
    """A ``metrics.json`` as an evaluation writes it; ``tail_gain`` lifts the rare classes."""
    classes = classes or ava_classes()
    skills = np.random.default_rng(0).beta(5, 4, len(classes))  # of the classes, in every run
    rng = np.random.default_rng(seed)
    per_class = {}
    for skill, (name, class_id, count) in zip(skills, classes):
        num_boxes = max(26, int(0.27 * count * rng.uniform(0.7, 1.3)))
        rarity = 1 / (1 + count / 600)
        sap = float(np.clip(skill + rng.normal(0, 0.015) + tail_gain * rarity * rng.normal(1, 0.6),
                            0.15, 0.97))  # fmt: skip
        std = 0.35 * rng.uniform(0.7, 1.3) * num_boxes**-0.5
        prior = num_boxes / 94_000
        group = 'head' if count > 10_000 else 'tail' if count <= 999 else 'medium'
        per_class[name] = {
            'id': class_id,
            'num_boxes': num_boxes,
            'num_train': count if with_counts else None,
            'AP': sap * (prior / (prior + (1 - sap) * 0.08)) ** 0.8,
            'SAP': sap,
            'SAP_std': std,
            'SAP_sampled': float(np.clip(sap + rng.normal(0, std / 4), 0, 1)),
            'AUC': 0.5 + sap / 2,
            'group': group if with_counts else None,
        }
    return with_means({
        'protocol': 'mmaction2',
        'capacity': None,
        'num_keyframes': 55_000,
        'num_boxes': 93_994,
        'pool': 'boxes',
        'num_trials': 15,
        'seed': 0,
        'train_counts_source': 'Arnab et al. 2022, Table 9' if with_counts else None,
        'split_source': None,
        'per_class': per_class,
    })  # fmt: skip


def with_means(metrics):
    """Put the overall and the group means that belong to the classes."""
    entries = list(metrics['per_class'].values())
    metrics.update(_means(entries), mSAP_sampled=_mean(entries, 'SAP_sampled'), groups={})
    for group in ('head', 'medium', 'tail'):
        members = [entry for entry in entries if entry['group'] == group]
        if any(entry['group'] for entry in entries):
            metrics['groups'][group] = {'num_classes': len(members), **_means(members)}
    return metrics


def _means(entries):
    pairs = (('frame_mAP', 'AP'), ('mSAP', 'SAP'), ('mAUC', 'AUC'))
    return {name: _mean(entries, key) for name, key in pairs}


def _mean(entries, key):
    values = [entry[key] for entry in entries if entry[key] is not None]
    return float(np.mean(values)) if values else None


def example_classifier_metrics(seed=0, num_classes=6, with_counts=True):
    """What a small classifier's evaluation gives: as many test samples of each class."""
    names = [f'action {index}' for index in range(num_classes)]
    targets = np.tile(np.eye(num_classes, dtype=bool), (2, 1))
    scores = np.random.default_rng(seed).random(targets.shape) + 0.5 * targets
    if not with_counts:
        return evaluate_classification(scores, targets, names)
    numbers = {index: 600 // (index + 1) ** 2 for index in range(num_classes)}
    words = dict(source='a list of videos', unit='samples', names=dict(enumerate(names)))
    counts = ClassCounts(counts=numbers, **words)
    limits = dict(head_min=500, tail_max=100)
    return evaluate_classification(scores, targets, names, train_counts=counts, **limits)


@pytest.fixture
def make_classifier_metrics():
    return example_classifier_metrics


@pytest.fixture
def make_classifier_run(tmp_path):
    """Write a run folder: ``make_classifier_run(name, metrics)``."""

    def write(name, metrics):
        write_results(metrics, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def make_metrics():
    return example_metrics


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder: ``make_run(name, seed=0, ...)`` or ``make_run(name, metrics={...})``."""

    def write(name, metrics=None, **kwargs):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        metrics = example_metrics(**kwargs) if metrics is None else with_means(metrics)
        (folder / 'metrics.json').write_text(json.dumps(metrics), encoding='utf-8')
        return folder

    return write


@pytest.fixture
def pair(make_run):
    """Two runs; the second is better in the tail."""
    return make_run('baseline', seed=1), make_run('two_stage', seed=2, tail_gain=0.12)


@pytest.fixture
def classifiers(make_classifier_run, make_classifier_metrics):
    return [
        make_classifier_run(n, make_classifier_metrics(i)) for i, n in enumerate(('base', 'eql'))
    ]


def example_entry(class_id, sap, ap, group=None, num_train=None, num_boxes=30):
    """A class of a detector's ``metrics.json``."""
    return {
        'id': class_id, 'num_boxes': num_boxes, 'num_train': num_train, 'AP': ap, 'SAP': sap,
        'SAP_std': 0.01, 'SAP_sampled': sap, 'AUC': 0.9, 'group': group,
    }  # fmt: skip


@pytest.fixture
def make_entry():
    return example_entry


@pytest.fixture
def two_classes():
    """Make the metrics of a detector of two classes."""

    def make():
        classes = {
            'stand': example_entry(12, 0.75, 0.5, 'head', 20_000, 300),
            'swim': example_entry(24, 0.25, 0.125, 'tail', 111, 34),
        }
        return {**example_metrics(), 'per_class': classes}

    return make


def shuffle_row(original, shuffled, log_ratio, **more):
    """One quantity of a ``shuffle_bias.json``."""
    return {'original': original, 'shuffled': shuffled, 'shuffles': [shuffled, shuffled],
            'log_ratio': log_ratio, 'log_ratio_std_error': 0.05, **more}  # fmt: skip


@pytest.fixture
def make_shuffle_row():
    return shuffle_row


@pytest.fixture
def write_shuffle_bias():
    """Write a ``shuffle_bias.json``: ``write_shuffle_bias(folder, metrics, per_class)``."""

    def write(folder, metrics, per_class=()):
        result = {'num_shuffles': 2, 'seed': 0, 'num_samples': 9, 'metrics': metrics,
                  'per_class': dict(per_class)}  # fmt: skip
        folder.mkdir(exist_ok=True)
        (folder / 'shuffle_bias.json').write_text(json.dumps(result))
        return folder

    return write


class Table(HTMLParser):
    """Rows of cells of a table: text, and the attributes of the cell."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], 0
        self.feed(html)
        self.texts = [[' '.join(text.split()) for text, _ in row] for row in self.rows]

    def handle_starttag(self, tag, attributes):
        if tag == 'tr':
            self.rows.append([])
        elif tag in ('td', 'th'):
            self.rows[-1].append(['', dict(attributes)])
            self.open += 1

    def handle_endtag(self, tag):
        self.open -= tag in ('td', 'th')

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1][0] += data


@pytest.fixture
def read_table():
    return Table
