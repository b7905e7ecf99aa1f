from __future__ import annotations

from pathlib import Path

from mmlt.experiments.commands import read_word
from mmlt.experiments.detector_steps import DetectorSteps

CONFIG = Path('c.py')
MAKE = DetectorSteps(Path('runs'), 3, 5, ['a=1'])


def _words(step):
    """From the script on."""
    words = [read_word(word) for word in step.command]
    start = next(i for i, word in enumerate(words) if '/tools/' in word)
    return Path(words[start]).name, words[start + 1 :], words[:start]


def test_a_training():
    step = MAKE.train('whole', CONFIG, 'b=2', inputs=[Path('in')], env=['X=y'])
    name, words, env = _words(step)
    assert name == 'dist_train.sh'
    assert words == (
        'c.py 3 --work-dir runs/whole --resume --no-validate --seed 5 --cfg-options b=2 a=1'.split()
    )
    assert env[:2] == ['env', 'X=y'] and env[2].startswith('PYTHON=')
    assert step.inputs == [CONFIG, Path('in')]
    assert step.outputs == [Path('runs/whole/last_checkpoint')]
    assert (step.stamp, step.log) == (Path('runs/done/whole'), Path('runs/logs/whole.log'))
    assert '--no-validate' not in _words(MAKE.train('whole', CONFIG, with_val=True))[1]
    assert '--cfg-options' not in _words(MAKE._replace(options=[]).train('whole', CONFIG))[1]


def test_a_test():
    step = MAKE.judge('t', CONFIG, Path('x.pth'), 'b=2', on='val', flags=['--tta'], inputs=[CONFIG])
    name, words, _ = _words(step)
    assert name == 'dist_test.sh'
    assert words == (
        'c.py x.pth 3 --data-split val --work-dir runs/t/log --tta --cfg-options a=1 b=2 '
        'test_evaluator.out_dir=runs/t'.split()
    )
    assert step.inputs == [CONFIG, Path('x.pth'), CONFIG]
    assert step.outputs == [Path('runs/t/metrics.json')] and step.remove == Path('runs/t')


def test_a_report():
    step = MAKE.report('page', {'t': 'first one', 'u': 'second'}, 'Title')
    name, words, _ = _words(step)
    assert name == 'report.py'
    assert words == [
        *('runs/t', 'runs/u', '--names', 'first one', 'second', '--title', 'Title'),
        *('--out', 'runs/page.html', '--overwrite'),
    ]
    assert step.inputs == [Path('runs/t/metrics.json'), Path('runs/u/metrics.json')]
    assert step.log is None
