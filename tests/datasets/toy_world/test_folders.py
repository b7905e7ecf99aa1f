import dataclasses
import json

import pytest

from mmlt.datasets.toy_world import ToyWorldConfig
from mmlt.datasets.toy_world.folders import part_settings, run_tasks, write_part

CONFIG = ToyWorldConfig()


def _write(text):
    def write(folder):
        (folder / 'data').mkdir()
        (folder / 'data' / 'file.txt').write_text(text)
        return {'fact': text}

    return write


def _fail(folder):
    (folder / 'half.txt').write_text('half')
    raise RuntimeError('stopped half way')


def _negate(number):
    return -number


def _never(folder):
    raise AssertionError('nothing was to be written')


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / 'world' / 'ava'
    assert write_part(folder, 'ava', CONFIG, _write('one'), overwrite=False)
    return folder


def test_world_file_tells_settings_and_facts(out):
    world = json.loads((out / 'world.json').read_text())
    assert world['part'] == 'ava'
    assert world['settings'] == part_settings('ava', CONFIG)
    assert world['facts'] == {'fact': 'one'}
    assert world['num_files'] == 1


def test_the_same_call_again_does_nothing(out):
    assert not write_part(out, 'ava', CONFIG, _never, overwrite=False)


def test_settings_of_another_part_do_not_matter(out):
    other = dataclasses.replace(CONFIG, clips_frames=3)
    assert not write_part(out, 'ava', other, _never, overwrite=False)


def test_a_world_that_knows_no_context_is_the_one_without(out):
    assert 'context_share' not in json.loads((out / 'world.json').read_text())['settings']
    other = dataclasses.replace(CONFIG, context_share=0.25)
    with pytest.raises(FileExistsError, match=r'context_share=None \(asked: 0\.25\)'):
        write_part(out, 'ava', other, _never, overwrite=False)
    assert part_settings('actor_clips', other) == part_settings('actor_clips', CONFIG)


def test_other_settings_are_refused_by_name(out):
    other = dataclasses.replace(CONFIG, noise_std=0.1)
    with pytest.raises(FileExistsError, match=r'noise_std=0\.3 \(asked: 0\.1\).*--overwrite'):
        write_part(out, 'ava', other, _never, overwrite=False)
    assert (out / 'data' / 'file.txt').read_text() == 'one'


def test_overwrite_replaces_the_whole_folder(out):
    other = dataclasses.replace(CONFIG, noise_std=0.1)
    assert write_part(out, 'ava', other, _write('two'), overwrite=True)
    assert (out / 'data' / 'file.txt').read_text() == 'two'
    assert [p.name for p in out.parent.iterdir()] == ['ava']


@pytest.mark.parametrize('overwrite', [False, True])
@pytest.mark.parametrize('name', ['world.json', 'thesis.tex'])
def test_a_folder_of_somebody_else_is_never_touched(tmp_path, name, overwrite):
    folder = tmp_path / 'mine'
    folder.mkdir()
    (folder / name).write_text('{}')
    with pytest.raises(FileExistsError, match='was not written by this generator as part'):
        write_part(folder, 'ava', CONFIG, _never, overwrite=overwrite)
    assert [p.name for p in folder.iterdir()] == [name]


def test_a_part_does_not_replace_another(out):
    with pytest.raises(FileExistsError, match="as part 'clips'"):
        write_part(out, 'clips', CONFIG, _never, overwrite=True)


def test_overwrite_refuses_a_folder_that_somebody_added_to(out):
    (out / 'data' / 'notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='1 more files than world.json counts'):
        write_part(out, 'ava', CONFIG, _never, overwrite=True)
    assert (out / 'data' / 'notes.txt').read_text() == 'mine'


def test_an_empty_folder_is_filled(tmp_path):
    assert write_part(tmp_path, 'ava', CONFIG, _write('one'), overwrite=False)
    assert (tmp_path / 'data' / 'file.txt').read_text() == 'one'


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError, match='half way'):
        write_part(tmp_path / 'ava', 'ava', CONFIG, _fail, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_world_that_was_there(out):
    with pytest.raises(RuntimeError, match='half way'):
        write_part(out, 'ava', CONFIG, _fail, overwrite=True)
    assert (out / 'data' / 'file.txt').read_text() == 'one'
    assert [p.name for p in out.parent.iterdir()] == ['ava']


@pytest.mark.parametrize('workers', [1, 2])
def test_results_come_in_the_order_of_the_tasks(workers):
    assert list(run_tasks(_negate, list(range(20)), workers)) == [-n for n in range(20)]
