"""The ten lines of docs/ava_files.md, on files as that page describes them."""

from __future__ import annotations

import importlib.util
import os
import pickle
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS, MODELS, DefaultScope

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
PAGE = (ROOT / 'docs' / 'ava_files.md').read_text(encoding='utf-8')


def _write_annotations(path, video):
    """Class 1 has 1,150 boxes, class 2 460, class 3 46: head, medium and tail of the snippet."""
    labels = [1] * 50 + [2] * 20 + [3] * 2
    rows = [
        f'{video},{second},{0.1 + person / 1000:.3f},0.2,0.5,0.9,{label},{person}'
        for second in range(2, 25)
        for person, label in enumerate(labels)
    ]
    path.write_text('\n'.join(rows) + '\n', encoding='utf-8')
    proposals = {
        f'{video},{second:04d}': np.array([[0.1, 0.2, 0.5, 0.9, 0.99]]) for second in range(2, 25)
    }
    path.with_name(f'{path.stem}_proposals.pkl').write_bytes(pickle.dumps(proposals))


@pytest.fixture(scope='module')
def own_data(tmp_path_factory):
    """A folder with the files of docs/ava_files.md: 25 seconds at 25 frames a second, 3 classes."""
    root = tmp_path_factory.mktemp('own_data')
    mine = root / 'mine'
    for split, video in (('train', 'a'), ('val', 'b')):
        folder = mine / 'frames' / video
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / 'img_00001.jpg'), np.zeros((24, 32, 3), np.uint8))
        for number in range(2, 25 * 25 + 1):
            os.link(folder / 'img_00001.jpg', folder / f'img_{number:05d}.jpg')
        _write_annotations(mine / f'{split}.csv', video)
    item = re.search(r'```\n(item.*?)```', PAGE, re.DOTALL)[1]
    items = [item.replace('wave', f'action {i}').replace('id: 1', f'id: {i}') for i in (1, 2, 3)]
    (mine / 'label_map.pbtxt').write_text(''.join(items), encoding='utf-8')
    snippet = re.search(r'```python\n(_base_ .*?)```', PAGE, re.DOTALL)[1]
    assert snippet.count('30 + 1') == 2 and "'configs/" in snippet
    assert len(snippet.splitlines()) == 10
    snippet = snippet.replace('30 + 1', '3 + 1').replace("'configs/", f"'{CONFIGS}/")
    (root / 'my_actions.py').write_text(snippet, encoding='utf-8')
    return root


def test_own_data_in_ten_lines(own_data, monkeypatch):
    monkeypatch.chdir(own_data)
    command = re.search(r'`python (tools/data/count_classes.py .*?)`', PAGE)[1]
    tool, *arguments = command.split()
    spec = importlib.util.spec_from_file_location('count_classes', ROOT / tool)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(arguments) in (0, None)
    cfg = Config.fromfile('my_actions.py')
    with DefaultScope.overwrite_default_scope('mmaction'):
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            dataset = DATASETS.build(loader.dataset)
            assert len(dataset) == 23
            for index in (0, 22):  # the first and last frames that any clip reaches
                assert dataset[index]['data_samples'].proposals.bboxes.shape == (1, 4)
        model = MODELS.build({**cfg.model, 'init_cfg': None})  # without the download of its weights
        METRICS.build(cfg.val_evaluator)
    assert model.roi_head.bbox_head.fc_cls.out_features == 4
