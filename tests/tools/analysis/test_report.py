from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
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
        main(run, '--exclude', out)
    assert '--exclude takes --ground-truth' in capsys.readouterr().err
    assert main(run, run, '--names', 'A') == 2
    assert capsys.readouterr().err == 'error: --names: got 1 for 2 runs\n'


def test_several_runs_as_the_readme_has_it(main, run, tmp_path, capsys):
    other = shutil.copytree(run, tmp_path / 'work' / 'other')
    assert main(run, other) == 0
    path = run / 'report-run-other.html'
    assert capsys.readouterr().out.endswith(f'report: {path}\n')
    assert 'Long-tail report: other against run' in path.read_text(encoding='utf-8')
    before = path.read_bytes()
    assert main(run, other, '--title', 'T') == 2
    assert capsys.readouterr().err == (
        f'error: {path}: exists already; pass --overwrite to replace it\n'
    )
    assert path.read_bytes() == before
    assert main(run, other, '--title', 'T', '--overwrite') == 0 and path.read_bytes() != before
    assert main(run / 'metrics.json', other, '--names', 'a/b c', 'ü' * 200) == 0
    name = f'report-a_b_c-{"ü" * 200}'[:120] + '.html'
    assert (run / name).is_file()


def test_what_speaks_against_comparing_is_printed_as_well(main, run, tmp_path, capsys):
    other = shutil.copytree(run, tmp_path / 'work' / 'other')
    metrics = json.loads((other / 'metrics.json').read_text())
    (other / 'metrics.json').write_text(json.dumps({**metrics, 'protocol': 'official'}))
    assert main(run, other) == 0
    differs = (
        'The runs were not evaluated alike: protocol differs (run: mmaction2, other: official).'
    )
    assert f'note: {differs}\nreport: ' in capsys.readouterr().out
    assert differs in (run / 'report-run-other.html').read_text(encoding='utf-8')
    assert main(run, run, '--names', 'A', 'B') == 0
    assert 'note: ' not in capsys.readouterr().out


def test_a_training_folder_is_answered_with_the_run_in_it(main, run, tmp_path, capsys):
    assert main(tmp_path) == 2
    assert capsys.readouterr().err == (
        f'error: {tmp_path}: holds no metrics.json, but {run} has: name the run itself\n'
    )


@pytest.fixture
def detectors(tmp_path):
    """Two runs with their dumps, on eight videos; and the ground truth and exclusions."""
    from mmlt.evaluation.ava import evaluate_ava
    from mmlt.evaluation.runs.folder import write_results
    from mmlt.fileio.detections import write_detections
    from mmlt.functional import ava_boxes_from_arrays, read_ava_csv, read_excluded_timestamps

    rng = np.random.default_rng(0)
    boxes, rows = ((0.1, 0.1, 0.4, 0.9), (0.5, 0.1, 0.9, 0.9)), []
    for video in range(8):
        for second in (902, 903):
            for person, box in enumerate(boxes):
                label = 1 if person == 0 or (video + second) % 3 else 2
                rows.append((f'v{video}', second, box, label))
    lines = (f'{v},{t},{",".join(map(str, box))},{label},0\n' for v, t, box, label in rows)
    truth, exclude = tmp_path / 'truth.csv', tmp_path / 'exclude.csv'
    truth.write_text(''.join(lines))
    exclude.write_text('v3,903\n')
    runs = []
    for skill in (0.2, 0.6):
        found = [(*row[:3], known, rng.random() + skill * (known == row[3]))
                 for row in rows for known in (1, 2)]  # fmt: skip
        detections = ava_boxes_from_arrays(*zip(*found))
        excluded = read_excluded_timestamps(exclude)
        metrics = evaluate_ava(
            detections, read_ava_csv(truth), {1: 'sit', 2: 'fly'}, excluded=excluded, num_trials=1
        )
        runs.append(tmp_path / f'skill_{skill}')
        write_results(metrics, runs[-1])
        write_detections(runs[-1] / 'detections.parquet', detections)
    return [*runs, '--ground-truth', truth, '--exclude', exclude, '--num-resamples', 20]


def test_intervals_of_means_and_gains_from_the_dumps(main, detectors, capsys):
    assert main(*detectors) == 0
    printed = capsys.readouterr().out
    first, second = (json.loads((run / 'intervals.json').read_text()) for run in detectors[:2])
    gains = np.subtract(second['draws']['all/mSAP'], first['draws']['all/mSAP'])
    low, high = (f'{100 * end:+.1f}'.replace('-', '−') for end in np.percentile(gains, [2.5, 97.5]))
    assert f'[{low}, {high}]' in ' '.join(printed.split())
    metrics = json.loads((detectors[1] / 'metrics.json').read_text())
    assert second['means']['all/mSAP']['value'] == pytest.approx(metrics['mSAP'], abs=1e-12)
    page = (detectors[0] / 'report-skill_0.2-skill_0.6.html').read_text(encoding='utf-8')
    assert f'<small class="below">[{low}, {high}]</small>' in page
    assert 'How sure the means are' in page and 'So few videos' in page
    # kept for later reports, and left alone by them
    before = (detectors[0] / 'intervals.json').stat().st_mtime_ns
    assert main(*detectors, '--overwrite') == 0 and main(detectors[0]) == 0
    assert (detectors[0] / 'intervals.json').stat().st_mtime_ns == before
    assert 'How sure the means are' in (detectors[0] / 'report.html').read_text(encoding='utf-8')


def test_intervals_are_never_of_something_else(main, detectors, run, capsys):
    def error(*arguments):
        assert main(*arguments) == 2
        told = capsys.readouterr().err
        assert told.startswith('error: ') and told.count('\n') == 1
        return told

    all_keyframes = [*detectors[:4], '--num-resamples', 3]
    assert 'other excluded keyframes?' in error(*all_keyframes)
    assert not list(detectors[0].glob('*.html')) and not (detectors[0] / 'intervals.json').exists()
    assert main(detectors[0], *detectors[2:]) == 0
    (detectors[0] / 'report.html').unlink()
    other = [detectors[0], *detectors[2:-1], 5]
    assert 'intervals.json: of other draws or another evaluation; pass --overwrite' in error(*other)
    assert main(*other, '--overwrite') == 0
    assert 'evaluate with test_evaluator.dump=detections.parquet' in error(run, *detectors[2:])


def test_without_intervals_the_page_says_how_to_get_them(main, detectors, run):
    assert main(detectors[0]) == 0 and main(run) == 0
    for folder, dump in ((detectors[0], False), (run, True)):
        page = (folder / 'report.html').read_text(encoding='utf-8')
        assert '--ground-truth ANNOTATIONS.csv' in page
        assert ('keeps no detections.parquet' in page) == dump
        assert 'How sure the means are' not in page and 'class="below"' not in page


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
