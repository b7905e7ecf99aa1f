from __future__ import annotations

import re

from mmlt.evaluation.report.page import MAX_BYTES, build_report


def _text(path):
    return path.read_text(encoding='utf-8')


def test_one_classifier(classifiers, make_classifier_metrics, tmp_path):
    text = _text(build_report(classifiers[0], tmp_path / 'r.html'))
    metrics = make_classifier_metrics(0)
    assert '12 samples, 6 classes' in text and 'a list of videos' in text
    assert 'AP of base, classes by training samples' in text
    summary = re.search(r'<table class="summary">.*?</table>', text, re.S)[0]
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)<', summary) == [
        'classes', 'mAP', 'Acc@1', 'Acc@5', 'recall@1', 'recall@5',
    ]  # fmt: skip
    values = [metrics[key] for key in ('mAP', 'acc@1', 'acc@5', 'mean_recall@1', 'mean_recall@5')]
    for group in ('head', 'medium', 'tail'):
        values += [metrics['groups'][group][k] for k in ('mAP', 'mean_recall@1', 'mean_recall@5')]
    shown = re.findall(r'<td[^>]*>([^<]*)<', summary)
    shown = [text for text in shown if text]  # a group has no accuracy
    assert shown == [f'{100 * value:.1f}' for value in values]
    body = text[text.index('<body>') : text.index('<script>')]
    assert not re.search('SAP|AUC|boxes|keyframes', body)


def test_two_classifiers(classifiers, make_classifier_metrics, tmp_path):
    text = _text(build_report(classifiers, tmp_path / 'r.html'))
    first, second = (make_classifier_metrics(seed)['per_class'] for seed in range(2))
    gains = {name: second[name]['AP'] - first[name]['AP'] for name in first}
    drawing = re.search(r'<svg[^>]*aria-label="Gain of eql over base.*?</svg>', text, re.S)[0]
    assert re.findall('<title>(.*?): AP', drawing) == sorted(gains, key=lambda name: -gains[name])
    assert 'What eql gains on base, class by class' in text
    assert '>gain on base<' in text
    three = build_report([*classifiers, classifiers[0]], tmp_path / 'three.html', names='ABC')
    assert 'AP of every run, classes by training samples' in _text(three)


def test_two_classifiers_without_a_common_score(
    make_classifier_run, make_classifier_metrics, tmp_path
):
    metrics = make_classifier_metrics(with_counts=False)
    undefined = {name: {**row, 'AP': None} for name, row in metrics['per_class'].items()}
    runs = [make_classifier_run('base', metrics),
            make_classifier_run('none', {**metrics, 'per_class': undefined})]  # fmt: skip
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'No class has AP in both base and none: no gain is shown.' in text
    assert 'gain on base' not in text
    assert 'AP of none, classes by evaluated samples' in text
    assert 'none given; classes are ordered by evaluated samples' in text


def test_a_thousand_classes_of_two_classifiers_are_at_most_two_megabytes(
    make_classifier_run, make_classifier_metrics, tmp_path
):
    metrics = make_classifier_metrics()
    rows = list(metrics['per_class'].values())
    metrics['per_class'] = {
        f'a VideoLT class of some words {i}': {**rows[i % 6], 'id': i} for i in range(1004)
    }
    runs = [make_classifier_run(name, metrics) for name in ('base', 'eql')]
    assert build_report(runs, tmp_path / 'r.html').stat().st_size <= MAX_BYTES
