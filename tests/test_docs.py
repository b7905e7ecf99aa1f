"""What the documents print is what the code and the results files give."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.evaluation import AVAMetric

import mmlt.functional
from mmlt import registry
from mmlt.evaluation.metrics.ava_long_tail_metric import AVALongTailMetric
from mmlt.experiments.seed_table import mean_and_error
from mmlt.experiments.two_stage_table import make_table
from mmlt.experiments.videolt_table import seed_table

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
DOCS = ROOT / 'docs'
PAGES = [
    path
    for pattern in ('docs/*.md', 'docs/api/*.md', 'configs/*/*.md', 'benchmarks/*.md', 'C*.md')
    for path in sorted(ROOT.glob(pattern))
]
DOCUMENTS = [ROOT / 'README.md', *PAGES]


def _read(path):
    return path.read_text(encoding='utf-8')


# --------------------------------------------------------------------------- links and examples


def _anchors(path):
    heads = re.findall(r'^#+ (.*)$', _read(path), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', head.lower()).replace(' ', '-') for head in heads}


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    targets = re.findall(r'\]\((?!https?:)([^)]+)\)', _read(path))
    for target in targets:
        name, _, anchor = target.partition('#')
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tools_and_configs_that_a_page_names_exist(path):
    """A star stands for several; what is mmaction2's has folders of its own."""
    ours = r'(?<![\w./])(?:tools|configs)/(?!detection/|data/ava/)[\w./*]+\.(?:py|sh|md|yml)'
    assert [name for name in re.findall(ours, _read(path)) if not list(ROOT.glob(name))] == []


def test_examples_of_ava_numbers_run():
    path = ROOT / 'docs' / 'ava_numbers.md'
    result = doctest.testfile(str(path), module_relative=False, encoding='utf-8')
    assert (result.failed, result.attempted > 15) == (0, True)


@pytest.mark.parametrize(('options', 'mean'), [({}, '1.000'), ({'action_thr': 0}, '0.598')])
def test_stock_metric_gains_by_a_class_that_it_drops(options, mean, tmp_path, monkeypatch):
    """The example of the docs through mmaction2's own AVAMetric, threshold and CSV included."""
    monkeypatch.chdir(tmp_path)  # it writes a file there
    stands, crawls, box = range(902, 922), (905, 915), '0.1,0.1,0.5,0.9'
    rows = [f'v,{at},{box},12,0\n' for at in stands] + [f'v,{at},{box},2,0\n' for at in crawls]
    Path('truth.csv').write_text(''.join(rows), encoding='utf-8')
    items = [f'item {{\n  name: "{i}"\n  id: {i}\n}}\n' for i in (2, 12)]
    Path('map.pbtxt').write_text(''.join(items), encoding='utf-8')
    metric = AVAMetric('truth.csv', None, 'map.pbtxt', num_classes=13, **options)
    boxes = torch.tensor([[float(x) for x in box.split(',')]])
    for at, stand, crawl in zip(stands, np.linspace(0.9, 0.5, 20), np.linspace(0.0019, 1e-4, 20)):
        scores = torch.zeros(1, 13)
        scores[0, 12], scores[0, 2] = stand, crawl
        predicted = dict(bboxes=boxes, scores=scores)
        metric.process(None, [dict(pred_instances=predicted, video_id='v', timestamp=at)])
    found = f'{metric.compute_metrics(metric.results)["overall"]:.3f}'
    assert found == mean
    assert f"('{found} over" in _read(ROOT / 'docs' / 'ava_numbers.md')


# ------------------------------------------------------------------- the front door and the site


def test_readme_is_short():
    lines = _read(ROOT / 'README.md').splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 160] == []
    pictures = re.findall(r'!\[.*?\]\((.*?)\)', _read(ROOT / 'README.md'))
    assert pictures and all((ROOT / name).stat().st_size <= 300_000 for name in pictures)


def test_readme_quotes_the_example_of_a_threshold():
    """The first and the last SAP that the page computes."""
    page = _read(DOCS / 'ava_numbers.md')
    first, last = re.search(r"\['0(\.\d+)', '0\.\d+', '0(\.\d+)'\]", page).groups()
    assert f'from a SAP of {first} to {last}' in _read(ROOT / 'README.md')


def test_readme_has_the_metric_of_the_usage_page():
    """The same keys and values in both, and the metric takes them."""
    readme, usage = (
        dict(re.findall(r"^    (\w+)=('.*?'|True)", _read(page), re.MULTILINE))
        for page in (ROOT / 'README.md', DOCS / 'usage.md')
    )
    assert readme == usage and readme.pop('type') == "'mmlt.AVALongTailMetric'"
    parameters = inspect.signature(AVALongTailMetric).parameters
    assert readme.keys() - parameters.keys() == {'_delete_'}


def test_map_names_files_that_exist():
    """In each row of the first table a name lies in the folder before it."""
    named, table = [], _read(DOCS / 'map.md').partition('## Rooms')[0]
    for cell in table[table.index('\n|') :].split('|'):
        folder = None
        for name in re.findall(r'`(.*?)`', cell):
            if name.endswith('/'):
                folder = ROOT / ('' if name.startswith(('tools', 'configs')) else 'mmlt') / name
            else:
                named.append(folder / name)
    assert len(named) > 50
    assert [x for x in named if not x.exists() and not x.with_name(f'{x.name}.py').exists()] == []


def _documented(page):
    return sorted(
        re.findall(r'^\.\. auto\w+:: ([\w.]+)$', _read(DOCS / 'api' / page), re.MULTILINE)
    )


def test_api_has_every_functional_and_every_registered_type():
    assert _documented('functional.md') == sorted(mmlt.functional.__all__)
    types = set()
    for name in registry.__all__:
        of_kind = getattr(registry, name)
        of_kind.import_from_location()
        types |= {f'{each.__module__}.{each.__name__}' for each in of_kind.module_dict.values()}
    types = {name for name in types if name.startswith('mmlt.')}  # tests register others
    assert _documented('registered.md') == sorted(types)


@pytest.mark.docs
def test_site_builds_without_a_warning(tmp_path):
    """As `make docs` does, which this reads."""
    line = re.search(r'-m (sphinx .*) docs/_build/html$', _read(ROOT / 'Makefile'), re.MULTILINE)[1]
    command = [sys.executable, '-m', *line.split(), str(tmp_path)]
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    for page in PAGES:
        assert (tmp_path / page.relative_to(ROOT)).with_suffix('.html').is_file(), page
    assert 'docs/index.html' in _read(tmp_path / 'index.html')
    assert '<math' in _read(tmp_path / 'docs' / 'api' / 'functional.html')


# --------------------------------------------------------------------------- tables of results


def _results(family):
    return json.loads(_read(CONFIGS / family / 'toy_results.json'))['rows']


@pytest.mark.parametrize('family', ['in_the_wild', 'videolt'])
def test_toy_table_is_that_of_the_results_file(family):
    make = {'in_the_wild': make_table, 'videolt': seed_table}[family]
    readme = _read(CONFIGS / family / 'README.md')
    printed = re.search(r'<!-- toy table -->\n\n(.*?)\n\n<!-- end', readme, re.DOTALL)[1]
    assert printed == make(_results(family))


@pytest.mark.parametrize('group', ['head', 'medium', 'tail', 'all'])
@pytest.mark.parametrize(('title', 'measure'), [('frame-mAP', 'frame_mAP'), ('mSAP', 'mSAP')])
def test_baseline_of_the_toy_readme_is_that_of_the_results_file(group, title, measure):
    values = _results('in_the_wild')['baseline'][group][measure]
    table = _read(CONFIGS / 'toy' / 'README.md').partition('## The baseline')[2]
    of_group = re.search(rf'^\| {group} \(.*?(?=^\| \w|\Z)', table, re.DOTALL | re.MULTILINE)[0]
    cells = re.search(rf'\| {title} \|(.*)\|$', of_group, re.MULTILINE)[1]
    printed = [float(number) for number in re.findall(r'[\d.]+', re.sub(r'\[.*?\]', '', cells))]
    assert printed == [round(100 * value, 1) for value in (*values, np.mean(values))]


def _with_difference(sentence, of, minus):
    """The sentence with the paired mean and error in points: signed (gain), or as up or loss."""
    mean, error = mean_and_error([100 * (a - b) for a, b in zip(of, minus)])
    return sentence.format(
        gain=f'{mean:+.1f} ± {error:.1f}',
        up=f'{mean:.1f} ± {error:.1f}',
        loss=f'{-mean:.1f} ± {error:.1f}',
    )


@pytest.mark.parametrize(
    ('of', 'minus', 'group', 'sentence'),
    [
        ('whole_model', 'two_stage_ap', 'head', 'head {gain}, tail'),
        ('whole_model', 'two_stage_ap', 'tail', 'tail {gain}. It also has three epochs'),
        ('two_stage_ap', 'stage_one_all', 'head', 'as in the paper: head {gain}, tail'),
        ('two_stage_ap', 'stage_one_all', 'tail', 'tail {gain}; split by counts'),
        ('two_stage_counts', 'stage_one_all', 'head', 'split by counts: head {gain}, tail'),
        ('two_stage_counts', 'stage_one_all', 'tail', 'tail {gain}; the paper +1.6 and +2.1'),
        ('two_stage_counts', 'baseline', 'head', 'the same head ({gain})'),
        ('two_stage_ap', 'baseline', 'head', 'the head loses {loss}, for'),
        ('focal', 'baseline', 'head', 'head {gain}, tail'),
        ('focal', 'baseline', 'tail', 'tail {gain}.'),
    ],
)
def test_differences_that_in_the_wild_quotes(of, minus, group, sentence):
    rows = _results('in_the_wild')
    values = rows[of][group]['mSAP'], rows[minus][group]['mSAP']
    assert _with_difference(sentence, *values) in _one_line('in_the_wild')


@pytest.mark.parametrize(
    ('of', 'minus', 'measure', 'sentence'),
    [
        ('framestack_fl', 'focal', 'head', "FrameStack-FL costs focal loss's head {loss}, Frame"),
        (
            'framestack_bce',
            'baseline',
            'head',
            "FrameStack-BCE the baseline's {loss} (the paper: 0.3",
        ),
        (
            'framestack_constant',
            'baseline',
            'mAP',
            'constant beta of .5 gains {up} on the baseline',
        ),
        ('framestack_constant', 'focal', 'mAP', 'it is {loss} below focal loss'),
        (
            'framestack_fl',
            'framestack_frequency',
            'mAP',
            'class frequency ({gain}; the paper +1.2)',
        ),
        ('cbs', 'baseline', 'tail', 'CBS lifts the tail by {up} (the paper -0.6)'),
        (
            'ldam_drw',
            'baseline',
            'mAP',
            'LDAM + DRW loses {loss} over all classes (the paper +0.2)',
        ),
        ('ldam_drw', 'baseline', 'head', 'and gains {up} in the head'),
        ('cb_loss', 'baseline', 'mAP', 'CB loss costs {loss} (the paper 0.5)'),
        (
            'framestack_fl',
            'focal',
            'mAP',
            'FrameStack-FL is {up} above focal loss over all classes',
        ),
        ('framestack_fl', 'focal', 'tail', 'over all classes and {up} in the tail'),
        ('framestack_fl', 'framestack_constant', 'mAP', '{up} above its own constant beta'),
        ('framestack_bce', 'baseline', 'mAP', 'FrameStack-BCE is {up} above the baseline'),
        ('mixup', 'baseline', 'mAP', 'mixup loses {loss} (the paper 2.1)'),
        ('eql_reference', 'baseline', 'mAP', 'close to the baseline ({gain}; the paper +0.2)'),
    ],
)
def test_differences_that_videolt_quotes(of, minus, measure, sentence):
    rows = _results('videolt')
    values = rows[of][measure], rows[minus][measure]
    assert _with_difference(sentence, *values) in _one_line('videolt')


def _one_line(family):
    return ' '.join(_read(CONFIGS / family / 'README.md').split())
