from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from mmlt.evaluation import report as report_module
from mmlt.evaluation.report import MAX_BYTES, build_report


def _entry(class_id, sap, ap, group=None, num_train=None, num_boxes=30):
    return {
        'id': class_id, 'num_boxes': num_boxes, 'num_train': num_train, 'AP': ap, 'SAP': sap,
        'SAP_std': 0.01, 'SAP_sampled': sap, 'AUC': 0.9, 'group': group,
    }  # fmt: skip


def _text(path):
    return path.read_text(encoding='utf-8')


@pytest.fixture
def pair(make_run):
    return make_run('baseline', seed=1), make_run('two_stage', seed=2, tail_gain=0.12)


def _two_classes(make_metrics):
    return {
        **make_metrics(),
        'per_class': {
            'stand': _entry(12, 0.75, 0.5, 'head', 20_000, 300),
            'swim': _entry(24, 0.25, 0.125, 'tail', 111, 34),
        },
    }


def test_hand_made_run(make_run, make_metrics, tmp_path):
    run = make_run('mine', metrics=_two_classes(make_metrics))
    out_path = tmp_path / 'report.html'
    assert build_report([run], out_path) == out_path
    text = _text(out_path)
    assert '<title>Long-tail report: mine</title>' in text
    for fact in (
        'frame-AP by mmaction2’s protocol',
        '93,994 annotated boxes on 55,000 keyframes, 2 classes',
        '± from 15 draws, seed 0',
        'Arnab et al. 2022, Table 9',
        'SAP and AP of mine, classes by training boxes',
    ):
        assert fact in text
    summary = re.search(r'<table class="summary">.*?</table>', text, re.S)[0]
    assert re.findall(r'<td[^>]*>([^<]*)<', summary) == [
        '50.0', '31.2', '90.0', '75.0', '50.0', '90.0', '25.0', '12.5', '90.0',
    ]  # fmt: skip
    assert 'medium' not in summary


def test_a_split_file_and_a_capacity_are_named(make_run, make_metrics, tmp_path):
    metrics = {**_two_classes(make_metrics), 'split_source': 'train AP < test AP',
               'protocol': 'official', 'capacity': 50}  # fmt: skip
    text = _text(build_report(make_run('mine', metrics=metrics), tmp_path / 'r.html'))
    assert 'train AP &lt; test AP' in text
    assert 'official (ActivityNet) protocol, the 50 best-scored rows of a keyframe' in text


def test_opens_offline(pair, tmp_path):
    text = _text(build_report(pair, tmp_path / 'r.html'))
    assert not re.search(r'https?:|//[a-z]|@import|\bsrc=|<link|<img|<iframe', text)
    assert set(re.findall(r'url\((.)', text)) == {'#'}
    assert "default-src 'none'" in text


def test_ids_are_unique_and_references_resolve(pair, tmp_path):
    text = _text(build_report(pair, tmp_path / 'r.html'))
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(set(ids)) == len(ids)
    references = re.findall(r'(?:url\(#|href="#)([^")]+)', text)
    assert references and set(references) <= set(ids)


def test_at_most_two_megabytes(make_run, pair, tmp_path):
    assert build_report(pair, tmp_path / 'r.html').stat().st_size < 0.5e6
    classes = [(f'class number {i}', i, int(60_000 / (i + 2))) for i in range(1, 1005)]
    many = [make_run(f'many{i}', seed=i, classes=classes) for i in range(2)]
    assert build_report(many, tmp_path / 'many.html').stat().st_size <= MAX_BYTES


def test_too_large_a_report_is_refused(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, 'MAX_BYTES', 100_000)
    with pytest.raises(ValueError, match='report of 2 runs would take 0.3 MB, more than 0 MB'):
        build_report(pair, tmp_path / 'r.html')
    assert not (tmp_path / 'r.html').exists()


def test_same_input_same_bytes(pair, tmp_path):
    first = build_report(pair, tmp_path / 'a.html').read_bytes()
    assert build_report(pair, tmp_path / 'b.html').read_bytes() == first


def test_never_overwrites_unasked(pair, tmp_path):
    out_path = tmp_path / 'out' / 'r.html'
    build_report(pair[0], out_path)
    before = out_path.read_bytes()
    with pytest.raises(FileExistsError, match='r.html: exists already; pass --overwrite'):
        build_report(pair, out_path)
    assert out_path.read_bytes() == before
    build_report(pair, out_path, overwrite=True)
    assert out_path.read_bytes() != before
    assert os.listdir(out_path.parent) == ['r.html']


def test_a_bad_run_leaves_the_old_report(pair, tmp_path):
    out_path = build_report(pair[0], tmp_path / 'r.html')
    before = out_path.read_bytes()
    (pair[1] / 'metrics.json').write_text('{}')
    with pytest.raises(ValueError, match="metrics.json: key 'protocol' is missing"):
        build_report(pair, out_path, overwrite=True)
    assert out_path.read_bytes() == before


def test_without_counts_nothing_speaks_of_groups(make_run, tmp_path):
    text = _text(build_report(make_run('plain', with_counts=False), tmp_path / 'r.html'))
    body = text[text.index('<body>') : text.index('<script>')]
    assert 'class="chip' not in body
    assert '<select' not in body
    assert 'SAP: head' not in body
    assert 'none given; classes are ordered by evaluated boxes' in body
    assert 'SAP and AP of plain, classes by evaluated boxes' in body


def test_two_runs_with_different_classes(make_run, make_metrics, tmp_path):
    first, second = _two_classes(make_metrics), _two_classes(make_metrics)
    second['per_class']['fly'] = _entry(90, 0.5, 0.5, 'tail', 3)
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert '1 class is not in every run (base lacks 1, ours lacks 0)' in text
    assert '1 of 3 classes have no SAP in one of the runs' in text
    assert 'Long-tail report: ours against base' in text
    assert '60 classes' not in text


def test_two_runs_without_a_common_class(make_run, make_metrics, tmp_path):
    first, second = _two_classes(make_metrics), _two_classes(make_metrics)
    second['per_class'] = {'fly': _entry(90, 0.5, 0.5, 'tail', 3)}
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'ours has no class of base: no gain is shown.' in text
    assert 'gain on base' not in text and 'What ours gains on base' not in text
    assert 'SAP gain' not in text


def test_two_runs_whose_common_class_has_no_score(make_run, make_metrics, tmp_path):
    first, second = _two_classes(make_metrics), _two_classes(make_metrics)
    for entry in second['per_class'].values():
        entry.update(SAP=None, AP=None, AUC=None)
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'No class has a SAP in both runs.' in text
    assert 'gain on base' in text


def test_three_runs(make_run, pair, tmp_path):
    runs = [*pair, make_run('focal', seed=3)]
    text = _text(build_report(runs, tmp_path / 'r.html', names=['A', 'B', 'C']))
    assert 'Long-tail report: 2 runs against A' in text
    assert text.count('>gain on A<') == 2
    assert 'SAP of every run, classes by training boxes' in text


def test_facts_that_differ_are_told_for_each_run(make_run, make_metrics, tmp_path):
    first, second = _two_classes(make_metrics), _two_classes(make_metrics)
    second['num_trials'] = 40
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert '± from 15 draws, seed 0 (base); ' in text
    assert '± from 40 draws, seed 0 (ours)' in text


def test_names(pair, make_run, tmp_path):
    text = _text(build_report(pair, tmp_path / 'a.html', names=['<one>', 'two'], title='T & U'))
    assert '<h1>T &amp; U</h1>' in text
    assert '&lt;one&gt;' in text and '<one>' not in text
    with pytest.raises(ValueError, match=r"names: got 1 for 2 runs: \['x'\]"):
        build_report(pair, tmp_path / 'b.html', names=['x'])
    same = make_run('x/run', seed=1), make_run('y/run', seed=2)
    assert 'y/run against x/run' in _text(build_report(same, tmp_path / 'c.html'))
    assert 'run (2) against ' in _text(build_report([pair[0]] * 2, tmp_path / 'd.html')).replace(
        'baseline', 'run'
    )


def test_no_run(tmp_path):
    with pytest.raises(ValueError, match='at least one run folder'):
        build_report([], tmp_path / 'r.html')


@pytest.mark.parametrize(
    'name', ['<script>alert(1)</script>', 'a & "b"', '$title', '動作 🎬', '\ud800']
)
def test_any_class_name(make_run, make_metrics, tmp_path, name):
    metrics = {
        **make_metrics(),
        'per_class': {name: _entry(1, 0.5, 0.5), 'sit': _entry(2, 0.5, 0.5)},
    }
    text = _text(build_report(make_run('run', metrics=metrics), tmp_path / 'r.html'))
    assert '<script>alert' not in text
    assert len(re.findall(r'<tr data-group', text)) == 2


@pytest.fixture
def classifiers(make_classifier_run, make_classifier_metrics):
    return [
        make_classifier_run(n, make_classifier_metrics(i)) for i, n in enumerate(('base', 'eql'))
    ]


def test_one_classifier(classifiers, make_classifier_metrics, tmp_path):
    text = _text(build_report(classifiers[0], tmp_path / 'r.html'))
    metrics = make_classifier_metrics(0)
    assert '12 samples, 6 classes' in text and 'a list of videos' in text
    assert 'AP of base, classes by training samples' in text
    summary = re.search(r'<table class="summary">.*?</table>', text, re.S)[0]
    of_a_group = ['mAP', 'R@1', 'R@5']
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)<', summary) == [
        'mAP', 'Acc@1', 'Acc@5', 'R@1', 'R@5', *of_a_group, *of_a_group, *of_a_group,
    ]  # fmt: skip
    values = [metrics[key] for key in ('mAP', 'acc@1', 'acc@5', 'mean_recall@1', 'mean_recall@5')]
    for group in ('head', 'medium', 'tail'):
        values += [metrics['groups'][group][k] for k in ('mAP', 'mean_recall@1', 'mean_recall@5')]
    shown = re.findall(r'<td[^>]*>([^<]*)<', summary)
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
    assert 'No class has an AP in both runs.' in text
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


def _browser_missing(reason):
    if os.environ.get('CI') == 'true':
        pytest.fail(f'CI needs a browser: {reason}')
    pytest.skip(f'{reason}: the report was not opened in a browser')


@pytest.fixture
def browser(tmp_path):
    binaries = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
    binary = next(filter(None, map(shutil.which, binaries)), None)
    driver_path = shutil.which('chromedriver')
    if not binary or not driver_path:
        _browser_missing('Chromium and chromedriver are not both installed')
    try:
        from selenium import webdriver
    except ImportError:
        _browser_missing('selenium is not installed')
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--window-size=1280,1600',
        f'--user-data-dir={tmp_path / "profile"}',
    ):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()


class _Page:
    """The report as a reader has it."""

    def __init__(self, browser, path: Path):
        self.browser, self.url = browser, path.as_uri()
        browser.get(self.url)

    def find(self, selector):
        return self.browser.find_elements('css selector', selector)

    def titles(self):
        return [head.text.split('\n')[0] for head in self.find('#classes th[data-column]')]

    def head(self, place):
        return self.find('#classes th[data-column]')[place]

    def click(self, place):
        self.browser.execute_script(
            "document.querySelector('#classes').scrollIntoView()"
        )  # a sticky header could lie under another element otherwise
        self.head(place).find_element('css selector', 'button').click()

    def shown(self):
        """Cell texts of the rows that are not filtered away."""
        return self.browser.execute_script(
            "return Array.from(document.querySelectorAll('#classes tbody tr'))"
            '.filter(row => row.getBoundingClientRect().height > 0)'
            '.map(row => Array.from(row.cells).map(cell => cell.innerText.trim()))'
        )

    def requests(self):
        """Addresses the page asked for; the browser's own start page is none of ours."""
        events = [json.loads(entry['message']) for entry in self.browser.get_log('performance')]
        sent = [
            event['message']['params']
            for event in events
            if event['message']['method'] == 'Network.requestWillBeSent'
        ]
        return [call['request']['url'] for call in sent if call['documentURL'] == self.url]


@pytest.mark.browser
def test_in_a_browser_one_run(browser, make_run, make_metrics, tmp_path):
    metrics = make_metrics(seed=1)
    metrics['per_class']['swim'].update(AP=None, SAP=None, SAP_std=None)
    page = _Page(browser, build_report(make_run('mine', metrics=metrics), tmp_path / 'r.html'))
    drawings = page.find('figure svg')
    assert len(drawings) == 3
    for drawing in drawings:
        assert drawing.size['width'] > 600 and drawing.size['height'] > 250
        texts = drawing.find_elements('css selector', 'text')
        assert any(text.text == 'stand' and text.size['width'] > 0 for text in texts)
    strip = page.find('.strips rect')[30]
    assert strip.size['height'] > 250 and strip.size['width'] > 5
    assert page.browser.execute_script(
        'return document.documentElement.scrollWidth <= window.innerWidth'
    )

    by_count = sorted(metrics['per_class'].items(), key=lambda item: -item[1]['num_train'])
    assert [row[0] for row in page.shown()] == [name for name, _ in by_count]

    place = page.titles().index('AP')
    page.click(place)
    by_ap = sorted(
        (-entry['AP'], name) for name, entry in metrics['per_class'].items() if entry['AP']
    )
    names = [row[0] for row in page.shown()]
    assert names == [*(name for _, name in by_ap), 'swim']
    assert page.head(place).get_attribute('aria-sort') == 'descending'
    page.head(place).find_element('css selector', 'button').send_keys('\ue007')  # the enter key
    assert [row[0] for row in page.shown()] == [*names[-2::-1], 'swim']
    assert page.head(place).get_attribute('aria-sort') == 'ascending'
    assert len(page.find('[aria-sort=ascending], [aria-sort=descending]')) == 1

    page.click(0)
    assert [row[0] for row in page.shown()] == sorted(metrics['per_class'])
    page.click(3)  # numbers as numbers: 168,148 before 97
    counts = [int(row[3].replace(',', '')) for row in page.shown()]
    assert counts == sorted(counts, reverse=True)

    page.find('#filter')[0].send_keys('PUSH')
    assert {row[0] for row in page.shown()} == {'push (an object)', 'push (another person)'}
    assert page.find('#shown')[0].text == '2 of 60 classes'
    page.find('#filter')[0].clear()
    page.find('#group option[value=""] ~ option')[0].click()
    assert [row[2] for row in page.shown()] == ['head'] * 8

    assert browser.get_log('browser') == []
    assert page.requests() == [page.url]


@pytest.mark.browser
def test_in_a_browser_two_runs(browser, make_metrics, make_run, pair, tmp_path):
    page = _Page(browser, build_report(pair, tmp_path / 'r.html'))
    assert [drawing.size['width'] > 600 for drawing in page.find('figure svg')] == [True] * 5
    first, second = (
        make_metrics(**kwargs)['per_class']
        for kwargs in (dict(seed=1), dict(seed=2, tail_gain=0.12))
    )
    by_gain = sorted(first, key=lambda name: first[name]['SAP'] - second[name]['SAP'])
    strips = page.browser.execute_script(
        'return Array.from(document.querySelectorAll('
        '\'svg[aria-label^="Gain of two_stage over baseline"] .strips rect\'))'
        '.map(rect => [rect.getBoundingClientRect().left, rect.textContent])'
    )
    assert strips == sorted(strips)  # from left to right
    assert [text.split(': SAP')[0] for _, text in strips] == by_gain

    place = page.titles().index('SAP gain')
    page.click(place)
    rows = page.shown()
    assert [row[0] for row in rows] == by_gain
    for row in rows:
        name = row[0]
        assert row[5].split()[0] == f'{100 * first[name]["SAP"]:.1f}'
        assert row[8].split()[0] == f'{100 * second[name]["SAP"]:.1f}'
    assert browser.get_log('browser') == []


def _shuffle_row(original, shuffled, log_ratio, **more):
    return {'original': original, 'shuffled': shuffled, 'shuffles': [shuffled, shuffled],
            'log_ratio': log_ratio, 'log_ratio_std_error': 0.05, **more}  # fmt: skip


def _write_shuffle_bias(folder, metrics, per_class=()):
    result = {'num_shuffles': 2, 'seed': 0, 'num_samples': 9, 'metrics': metrics,
              'per_class': dict(per_class)}  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / 'shuffle_bias.json').write_text(json.dumps(result))
    return folder


@pytest.mark.browser
def test_in_a_browser_two_classifiers(browser, classifiers, make_classifier_metrics, tmp_path):
    page = _Page(browser, build_report(classifiers, tmp_path / 'r.html'))
    assert [drawing.size['width'] > 600 for drawing in page.find('figure svg')] == [True] * 4
    first, second = (make_classifier_metrics(seed)['per_class'] for seed in range(2))
    assert [row[0] for row in page.shown()] == list(first)  # by training count
    page.click(page.titles().index('AP gain'))
    # as precise as the page is; ties stay in the order of the training counts
    by_gain = sorted(first, key=lambda name: round(first[name]['AP'] - second[name]['AP'], 5))
    assert [row[0] for row in page.shown()] == by_gain
    page.find('#group option[value=""] ~ option')[0].click()
    assert [row[2] for row in page.shown()] == ['head']
    assert page.browser.execute_script(
        "const table = document.querySelector('.summary');"
        'return table.scrollWidth <= table.parentElement.clientWidth'
    )
    assert browser.get_log('browser') == []
    assert page.requests() == [page.url]


@pytest.mark.browser
def test_in_a_browser_three_metrics_and_shuffle_bias(browser, make_metrics, make_run, tmp_path):
    long_names = [f'slowonly_r50_8x8_{"some_more_settings_" * 3}seed_{i}' for i in range(2)]
    runs = [make_run(name, seed=i, tail_gain=0.1 * i) for i, name in enumerate(long_names)]
    rows = {'ava/frame_mAP': _shuffle_row(0.5, 0.25, 0.693),
            'ava/AP/sit': _shuffle_row(0.6, 0.6, 0.0),
            'ava/AP/swim': _shuffle_row(0.4, 0.1, 1.386)}  # fmt: skip
    for run in runs:
        _write_shuffle_bias(run, rows)
    page = _Page(browser, build_report(runs, tmp_path / 'r.html'))

    table = page.browser.execute_script(
        "return Array.from(document.querySelectorAll('.three tbody tr'))"
        '.map(row => Array.from(row.cells).map(cell => cell.innerText.trim()))'
    )
    first, second = (make_metrics(seed=i, tail_gain=0.1 * i)['per_class'] for i in range(2))
    counts = sorted((entry['num_train'] for entry in first.values()), reverse=True)
    shown = [int(row[-7].replace(',', '')) for row in table[:-1]]
    assert shown == counts[:5] + counts[-5:]
    assert table[0][0] == 'head' and table[5][0] == 'tail'
    swim = next(row for row in table if 'swim' in row)
    values = [
        f'{100 * m["swim"][key]:.1f}' for key in ('SAP', 'AP', 'AUC') for m in (first, second)
    ]
    assert swim[-6:] == values
    assert table[-1][0] == 'average, all classes'

    strips = page.browser.execute_script(
        'return Array.from(document.querySelectorAll(\'svg[aria-label^="AP of each class in order"]'
        " .strips rect')).map(rect => rect.textContent)"
    )
    assert [text.split(':')[0] for text in strips] == ['swim', 'sit']
    details = page.find('details')[0]
    assert not details.find_element('css selector', 'table').is_displayed()
    details.find_element('css selector', 'summary').click()
    assert details.find_element('css selector', 'table').is_displayed()

    for width in (1200, 700):  # no name, however long, widens the page or a name's column
        page.browser.set_window_size(width, 1000)
        assert page.browser.execute_script(
            'return document.documentElement.scrollWidth <= window.innerWidth'
        )
        widths = [name.size['width'] for name in page.find('.run') if name.is_displayed()]
        assert widths and 40 < min(widths) and max(widths) <= 240
    page.browser.set_window_size(1200, 1000)
    assert (
        page.browser.execute_script(
            "return Array.from(document.querySelectorAll('.summary'))"
            '.map(table => table.scrollWidth <= table.parentElement.clientWidth)'
        )
        == [True] * 4
    )  # those folded away included
    assert browser.get_log('browser') == []
    assert page.requests() == [page.url]


@pytest.mark.browser
def test_in_a_browser_shuffle_bias_alone(browser, tmp_path):
    drift = {'drift': _shuffle_row(1.0, 0.0, 'inf', id=0, num_videos=4)}
    folder = _write_shuffle_bias(tmp_path / 'run', {'accuracy': _shuffle_row(1, 0.5, 0.7)}, drift)
    page = _Page(browser, build_report(folder, tmp_path / 'r.html'))
    assert page.find('h1')[0].text == 'Shuffle bias: run'
    assert page.find('figure svg')[0].size['width'] > 600
    assert not page.find('#classes')
    assert browser.get_log('browser') == []


def test_shuffle_bias_of_recognizers(tmp_path):
    per_class = [{name: _shuffle_row(0.75, 0.5, 0.405, id=i, num_videos=4)}
                 for i, name in enumerate(('drift', 'striped'))]  # fmt: skip
    overall = {'accuracy': _shuffle_row(0.75, 0.5, 0.405)}
    runs = [_write_shuffle_bias(tmp_path / name, overall, rows)
            for name, rows in zip(('motion', 'looks'), per_class)]  # fmt: skip
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'Shuffle bias: looks against motion' in text
    assert '9 samples, classes with samples: 1' in text and '2, seed 0' in text
    assert 'accuracy 75.0 in order, 50.0 shuffled, log ratio 0.41 ±0.05' in text
    assert 'id="classes"' not in text


def test_a_detector_beside_a_recognizer_is_refused(make_run, tmp_path):
    bare = _write_shuffle_bias(tmp_path / 'clips', {'accuracy': _shuffle_row(1, 0.5, 0.7)})
    with pytest.raises(ValueError, match='ava: the metrics.json of a detector; clips: only a'):
        build_report([make_run('ava'), bare], tmp_path / 'r.html')


def test_detectors_without_shuffle_bias_are_named(make_run, tmp_path):
    runs = [make_run('with'), make_run('without')]
    assert 'Shuffle bias' not in _text(build_report(runs, tmp_path / 'none.html'))
    _write_shuffle_bias(runs[0], {'ava/AP/sit': _shuffle_row(0.6, 0.5, 0.18)})
    text = _text(build_report(runs, tmp_path / 'one.html'))
    assert 'Without such results: without.' in text
    assert 'sit: AP 60.0 in order, 50.0 shuffled, log ratio 0.18 ±0.05' in text


def test_doubtful_numbers_are_told_for_the_run_they_belong_to(make_run, make_metrics, tmp_path):
    odd = {'tied_score_ratio': 0.25, 'missing_score_ratio': 0.005, 'num_keyframes_detected': 215,
           'num_videos': 64, 'num_videos_detected': 1}  # fmt: skip
    runs = [make_run('good'), make_run('odd', metrics={**make_metrics(), **odd})]
    assert '<p class="note">' not in _text(build_report(runs[0], tmp_path / 'good.html'))
    text = _text(build_report(runs, tmp_path / 'both.html'))
    assert re.findall('<p class="note">(.*?)</p>', text) == [
        'odd: the detections cover 215 of 55,000 annotated keyframes, 1 of 64 videos.',
        'odd: 25% of the scores are tied; if the file was thresholded or rounded, frame-AP stands '
        'but SAP and ROC-AUC do not.',
    ]
