from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'plot_sampling.py'
CONFIG = """
train_dataloader = dict(
    sampler=dict(type={sampler}),
    dataset=dict(type='VideoDataset', ann_file={ann_file!r}, pipeline=[], serialize_data=False),
)
"""


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location('plot_sampling', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    scope = DefaultScope.get_current_instance()
    yield module
    if scope is None:
        DefaultScope._instance_dict.clear()


@pytest.fixture
def config(tmp_path):
    """Clips of classes 0 (six), 1 (three) and 2 (one), under a sampler."""
    ann_file = tmp_path / 'clips.txt'
    labels = [0] * 6 + [1] * 3 + [2]
    ann_file.write_text(''.join(f'{i}.mp4 {label}\n' for i, label in enumerate(labels)))

    def write(sampler):
        path = tmp_path / 'a_config.py'
        path.write_text(CONFIG.format(sampler=sampler, ann_file=str(ann_file)))
        return str(path)

    return write


@pytest.fixture
def counts(tmp_path):
    classes = [{'id': i, 'name': name, 'count': n} for i, (name, n) in enumerate(COUNTS.items())]
    path = tmp_path / 'counts.json'
    path.write_text(json.dumps({'source': 'ours', 'unit': 'clips', 'classes': classes}))
    return str(path)


COUNTS = {'rare': 1, 'frequent': 9, 'absent': 0}
DUPLICATE = "'mmlt.ClassBalancedSampler', mode='duplicate'"


def _cells(text):
    rows = [line.strip('| ').split(' | ') for line in text.splitlines() if line.startswith('|')]
    return {row[0]: row[1:] for row in rows[2:]}


def test_a_config_with_the_sampler(tool, config, tmp_path, capsys):
    out = tmp_path / 'sampling.png'
    assert tool.main([config(DUPLICATE), '--out', str(out)]) == 0
    assert _cells(capsys.readouterr().out) == {
        '0': ['60.000', '33.333', '33.333'],
        '1': ['30.000', '33.333', '33.333'],
        '2': ['10.000', '33.333', '33.333'],
    }
    assert out.read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize('sampler', ["'DefaultSampler'", DUPLICATE + ', num_samples=4000'])
def test_a_config_with_another_mode(tool, config, tmp_path, sampler):
    arguments = [config(sampler), '--mode', 'sqrt', '--out', str(tmp_path / 'sampling.png')]
    sampling = tool.of_config(tool.parse_args(arguments))
    roots = np.sqrt([6, 3, 1])
    np.testing.assert_allclose(sampling.expected, roots / roots.sum())
    if 'num_samples' in sampler:  # the config's other options stay
        np.testing.assert_allclose(sampling.counted, sampling.expected, atol=0.03)
    assert sampling.title == "a_config, 'sqrt'"


def test_counts_alone(tool, counts, tmp_path, capsys):
    out = tmp_path / 'sampling.svg'
    arguments = ['--counts', counts, '--mode', 'sqrt', '--out', str(out)]
    assert tool.main(arguments) == 0
    assert _cells(capsys.readouterr().out) == {
        'frequent': ['90.000', '75.000', '–'],
        'rare': ['10.000', '25.000', '–'],
        'absent': ['0.000', '0.000', '–'],
    }
    assert out.read_text().startswith('<?xml')


def test_nothing_is_overwritten_unasked(tool, counts, tmp_path, capsys):
    out = tmp_path / 'sampling.png'
    out.write_text('mine')
    arguments = ['--counts', counts, '--mode', 'duplicate', '--out', str(out)]
    assert tool.main(arguments) == 2
    assert 'exists already; pass --overwrite' in capsys.readouterr().err
    assert out.read_text() == 'mine'
    assert tool.main([*arguments, '--overwrite']) == 0
    assert out.read_bytes().startswith(b'\x89PNG')


def test_another_sampler(tool, config, tmp_path, capsys):
    assert tool.main([config("'DefaultSampler'"), '--out', str(tmp_path / 'a.png')]) == 2
    assert 'the train_dataloader has a DefaultSampler: give the --mode' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = {}', 'a_config.py: no train_dataloader with a dataset and a sampler'),
        (
            "train_dataloader = dict(sampler=dict(type='DefaultSampler'))",
            'no train_dataloader with',
        ),
        (
            "train_dataloader = dict(sampler=dict(type='A'), dataset=dict(type='Nix'))",
            "KeyError: 'Nix is not in the ",
        ),
    ],
)
def test_a_config_that_cannot_be_sampled_is_one_line(tool, tmp_path, capsys, text, message):
    path = tmp_path / 'a_config.py'
    path.write_text(text + '\n')
    assert tool.main([str(path), '--out', str(tmp_path / 'a.png')]) == 2
    said = capsys.readouterr().err
    assert said.startswith('error: ') and said.count('\n') == 1 and message in said


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--out', 'a.png'], 'give a CONFIG or --counts'),
        (['config.py', '--counts', 'ava_v2.2', '--out', 'a.png'], 'give a CONFIG or --counts'),
        (['--counts', 'ava_v2.2', '--out', 'a.png'], '--counts needs --mode'),
        (['config.py', '--num-draws', '0', '--out', 'a.png'], '--num-draws must be at least 1'),
        (['config.py', '--out', 'a.jpg'], '--out must end in .png, .svg, .pdf, got a.jpg'),
    ],
)
def test_bad_arguments(tool, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool.main(arguments)
    assert message in capsys.readouterr().err
