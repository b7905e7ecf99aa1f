from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'report.py'


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location('report_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *arguments: module.main([str(argument) for argument in arguments])


@pytest.fixture
def run(tmp_path):
    means = {'frame_mAP': 0.5, 'mSAP': 0.5, 'mAUC': 0.5}
    entry = {'id': 1, 'num_boxes': 30, 'num_train': None, 'AP': 0.5, 'SAP': 0.5, 'SAP_std': 0.1,
             'SAP_sampled': 0.5, 'AUC': 0.5, 'group': None}  # fmt: skip
    metrics = {'protocol': 'mmaction2', 'capacity': None, **means, 'mSAP_sampled': 0.5,
               'num_keyframes': 9, 'num_boxes': 30, 'pool': 'boxes', 'num_trials': 15, 'seed': 0,
               'train_counts_source': None, 'split_source': None, 'groups': {},
               'per_class': {'sit': entry}}  # fmt: skip
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    return folder


def test_one_run_gets_its_report_beside_its_metrics(main, run, capsys):
    assert main(run) == 0
    printed = capsys.readouterr().out
    assert printed.endswith(f'report: {run / "report.html"}\n')
    assert 'mSAP' in printed and '50.0' in printed  # the table
    assert 'Long-tail report: run' in (run / 'report.html').read_text(encoding='utf-8')
    assert main(run / 'metrics.json', '--overwrite') == 0


def test_several_runs_with_names_and_title(main, run, tmp_path, capsys):
    out = tmp_path / 'r.html'
    assert main(run, run, '--out', out, '--names', 'A', 'B', '--title', 'Two runs') == 0
    printed = capsys.readouterr().out
    assert 'A: in percent' in printed and 'B: in percent' in printed  # each table has its run
    text = out.read_text(encoding='utf-8')
    assert '<h1>Two runs</h1>' in text
    assert 'What B gains on A' in text
    with pytest.raises(SystemExit):
        main(run, run)
    assert 'several runs need --out FILE' in capsys.readouterr().err


def test_errors_are_one_line(main, run, tmp_path, capsys):
    (run / 'report.html').write_text('precious')
    assert main(run) == 2
    assert 'error: ' in capsys.readouterr().err
    assert (run / 'report.html').read_text() == 'precious'
    assert main(tmp_path / 'nowhere') == 2
    assert 'nowhere: no such file' in capsys.readouterr().err


def test_a_recognizer_gets_the_table_of_its_shuffle_bias(main, tmp_path, capsys):
    row = {'original': 0.8, 'shuffled': 0.2, 'log_ratio': 1.386, 'log_ratio_std_error': 0.5}
    result = {'num_shuffles': 2, 'seed': 0, 'num_samples': 4, 'metrics': {'accuracy': row},
              'per_class': {}}  # fmt: skip
    (tmp_path / 'shuffle_bias.json').write_text(json.dumps(result))
    assert main(tmp_path) == 0
    printed = capsys.readouterr().out
    assert '2 shuffles' in printed and '1.386' in printed
    assert 'Shuffle bias: ' in (tmp_path / 'report.html').read_text(encoding='utf-8')


def test_two_classifiers_are_compared(main, tmp_path, capsys):
    row = {'id': 0, 'num_samples': 3, 'num_train': None, 'AP': 0.5, 'recall@1': 0.5,
           'recall@5': 1.0, 'group': None}  # fmt: skip
    means = dict.fromkeys(('mAP', 'acc@1', 'acc@5', 'mean_recall@1', 'mean_recall@5'), 0.5)
    metrics = {'task': 'classification', **means, 'num_samples': 3, 'train_counts_source': None,
               'split_source': None, 'groups': {}, 'per_class': {'sit': row}}  # fmt: skip
    (tmp_path / 'metrics.json').write_text(json.dumps(metrics))
    out = tmp_path / 'r.html'
    assert main(tmp_path, tmp_path, '--out', out, '--names', 'A', 'B') == 0
    printed = capsys.readouterr().out
    assert 'B: in percent, Acc@1 50.0' in ' '.join(printed.split())
    assert 'What B gains on A' in out.read_text(encoding='utf-8')
