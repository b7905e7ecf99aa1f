from __future__ import annotations

import json
import os

import pytest
from mmengine.logging import MMLogger

from mmlt.evaluation.metrics.run_folder import RunFolder
from mmlt.evaluation.runs.folder import write_results

METRICS = {
    'task': 'classification',
    'mAP': 0.1,
    'per_class': {'a, b': {'id': 0, 'AP': 1 / 3}, 'c': {'id': 1, 'AP': None}},
}


def _write(value):
    metrics = {**METRICS, 'mAP': value}
    return lambda folder, overwrite: write_results(metrics, folder, overwrite)


def _read(folder):
    return json.loads((folder / 'metrics.json').read_text())['mAP']


def test_both_files_at_full_precision(tmp_path):
    json_file, csv_file = write_results(METRICS, tmp_path / 'run')
    assert list(json.loads(json_file.read_text()).items()) == [
        ('format_version', 1),
        *METRICS.items(),
    ]
    assert csv_file.read_text() == (
        'name,id,group,num_train,num_samples,AP,recall@1,recall@5\n'
        f'"a, b",0,,,,{1 / 3!r},,\n'
        'c,1,,,,,,\n'
    )


def test_no_file_where_a_value_is_not_json(tmp_path):
    with pytest.raises(ValueError, match='JSON'):
        write_results({**METRICS, 'mAP': float('nan')}, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_the_same_owner_replaces_and_another_gets_a_new_folder(tmp_path):
    wanted = tmp_path / 'run'
    first, second = (RunFolder(name, str(wanted)) for name in ('first', 'second'))
    assert first.write(_write(0.1)) == wanted
    assert second.write(_write(0.2)) == tmp_path / 'run-2'
    assert first.write(_write(0.3)) == wanted
    assert (_read(wanted), _read(tmp_path / 'run-2')) == (0.3, 0.2)


def test_a_folder_with_another_file_of_the_owner_is_taken(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'd.parquet').write_text('not ours')
    folder = RunFolder('owner', str(tmp_path / 'run'), also=['d.parquet'])
    assert folder.write(_write(0.1)) == tmp_path / 'run-2'
    assert os.listdir(tmp_path / 'run') == ['d.parquet']


def test_nothing_outside_of_a_runner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MMLogger.get_current_instance(), '_log_file', None)
    assert RunFolder('owner').write(_write(0.1)) is None
    assert os.listdir(tmp_path) == []
