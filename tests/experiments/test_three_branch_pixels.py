from __future__ import annotations

import json

import numpy as np
import pytest
from mmengine.config import Config

from mmlt.experiments.commands import ROOT, read_word
from mmlt.experiments.three_branch_pixels import (
    ROWS,
    pixel_steps,
    pixel_table,
    read_pixel_results,
)

TOY = ROOT / 'configs' / 'toy'
PHASE_ONE, WHOLE = (
    Config.fromfile(TOY / f'slowonly_toy_three_branch{end}.py') for end in ('_phase_one', '')
)
BRANCHES = ('global_loss', 'global_feature', 'long_term')


def test_the_rows_differ_in_the_branches_alone():
    one, whole = PHASE_ONE.to_dict(), WHOLE.to_dict()
    one.pop('bank_dataloaders'), whole.pop('bank_dataloaders')
    for name in ('tta_model', 'tta_pipeline', 'tta_views'):  # of another row
        assert whole.pop(name) and name not in one
    head = whole['model']['roi_head']
    assert {name for name in BRANCHES if head.pop(name)} == set(BRANCHES)
    for split in ('train', 'val', 'test'):
        *before, window, pack = whole[f'{split}_dataloader']['dataset'].pop('pipeline')
        *expected, plain_pack = one[f'{split}_dataloader']['dataset'].pop('pipeline')
        assert before == expected
        assert window['bank_dir'].endswith(f'/{split}')
        assert window.get('test_mode', False) == (split != 'train')
        assert (window['window_sec'], window['max_persons']) == (21, 5)
        assert pack == {**plain_pack, 'algorithm_keys': ('long_term',)}
    assert one == whole


def test_the_schedule_is_in_whole_passes():
    cfg = PHASE_ONE.train_cfg
    assert cfg.max_iters == 9 * cfg.val_interval == PHASE_ONE.param_scheduler.total_steps
    assert cfg.val_interval == -(-2600 // 16) == PHASE_ONE.default_hooks.checkpoint.interval
    assert cfg.val_begin == 7 * cfg.val_interval
    assert PHASE_ONE.default_hooks.checkpoint.save_best == 'ava/mSAP'


def test_steps_of_a_seed(tmp_path):
    steps = pixel_steps(tmp_path, [0, 3], options=['max_lr=1'])
    names = ('roi', 'bank', 'all', 'roi_test', 'all_test', 'all_tta_test')
    assert [step.name for step in steps] == [f'seed {s}: {n}' for s in (0, 3) for n in names]
    of_seed = {step.name.rpartition(' ')[2]: step for step in steps[len(names) :]}
    folder = tmp_path / 'seed3'
    for row in ('roi', 'all'):
        (folder / row).mkdir(parents=True)
        (folder / row / f'best_ava_mSAP_iter_{row}.pth').touch()
    words = {name: [read_word(word) for word in step.command] for name, step in of_seed.items()}
    env = f'FEATURE_BANK={folder / "bank"}'
    assert {name for name in names if env in words[name]} == {'all', 'all_test', 'all_tta_test'}
    assert {name for name in names if '--tta' in words[name]} == {'all_tta_test'}
    # the bank is the best of phase one's, the whole starts from nothing
    assert str(folder / 'roi' / 'best_ava_mSAP_iter_roi.pth') in words['bank']
    assert not any('best_ava' in word or 'load_from' in word for word in words['all'])
    assert words['bank'][-2:] == ['--score-thr', '0.5']
    for name in ('all_test', 'all_tta_test'):
        assert str(folder / 'all' / 'best_ava_mSAP_iter_all.pth') in words[name]
    trainings = [words[name] for name in ('roi', 'all')]
    assert all(each[-2:] == ['train_dataloader.batch_size=16', 'max_lr=1'] for each in trainings)
    assert all('--no-validate' not in each for each in trainings)
    assert set(of_seed['bank'].outputs) <= set(of_seed['all'].inputs)


def _write_run(folder, sap):
    """A test whose class i has SAP ``sap[i]`` and half of it as AP."""
    summary = {'frame_mAP': 0.25, 'mSAP': 0.5}
    of_class = {str(i): {'id': i, 'SAP': value, 'AP': value / 2} for i, value in sap.items()}
    metrics = {
        'format_version': 1,
        **summary,
        'groups': {group: summary for group in ('head', 'medium', 'tail')},
        'per_class': of_class,
    }
    folder.mkdir(parents=True)
    (folder / 'metrics.json').write_text(json.dumps(metrics))


def test_results_are_read_seed_by_seed(tmp_path):
    for seed, shift in ((0, 0.0), (1, 0.1)):
        for row in ROWS:
            sap = {20: 0.9, **{i: 0.3 + shift for i in range(21, 27)}, 27: 0.9}
            _write_run(tmp_path / f'seed{seed}' / f'{row}_test', sap)
    found = read_pixel_results(tmp_path, [0, 1])
    assert list(found) == list(ROWS)
    np.testing.assert_allclose(found['all']['SAP objects'], [0.3, 0.4])  # classes 21 to 26 alone
    np.testing.assert_allclose(found['all']['AP objects'], [0.15, 0.2])
    assert found['roi']['AP tail'] == [0.25, 0.25]
    head, _, *lines = pixel_table(found).splitlines()
    assert head.startswith('| row | SAP all | SAP head |') and len(lines) == 3
    assert lines[2].startswith('| all branches, tested at three scales |')
    assert '35.0 ± 5.0' in lines[0]


def test_a_run_without_results_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match='roi_test'):
        read_pixel_results(tmp_path, [0])
