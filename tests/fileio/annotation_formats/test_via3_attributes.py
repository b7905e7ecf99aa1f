"""Which attribute is the action, which the person, and what a box has of them."""

from __future__ import annotations

import pytest
import via3

from mmlt.fileio.annotation_formats.via3_attributes import read_attributes

ACTION = via3.attribute('action', options=['walk', 'sit'])
PERSON = via3.attribute('Person ID', via3.TEXT)
NOTE = via3.attribute('note', via3.TEXT)


def _read(*attributes, used=None, wanted=None):
    content = {str(i): each for i, each in enumerate(attributes, start=1)}
    return read_attributes(content, content if used is None else used, wanted, 'f')


@pytest.mark.parametrize(
    ('kind', 'value', 'labels'),
    [
        (via3.CHECKBOX, '0,1', ('walk', 'sit')),
        (via3.CHECKBOX, '1', ('sit',)),
        (via3.CHECKBOX, '', ()),
        (via3.RADIO, '1', ('sit',)),
        (via3.SELECT, '0', ('walk',)),
        (via3.SELECT, '', ()),
        (via3.TEXT, ' walk, slowly ', ('walk, slowly',)),
        (via3.TEXT, '  ', ()),
        (via3.RADIO, 1, ('sit',)),
    ],
)
def test_labels(kind, value, labels):
    chosen = _read(via3.attribute('action', kind, ['walk', 'sit']))
    assert chosen.labels({'1': value}, 'f') == labels
    assert chosen.labels({}, 'f') == ()


@pytest.mark.parametrize(
    'name', ['person', 'Person ID', 'person_id', 'track', 'Track-ID', 'trackId']
)
def test_person_by_name(name):
    chosen = _read(ACTION, via3.attribute(name, via3.TEXT))
    assert chosen.actions == ('1',)
    assert chosen.person_of({'2': ' 7 '}, 'f') == '7'
    assert chosen.person_of({'2': 7}, 'f') == '7'
    assert chosen.person_of({}, 'f') is None


def test_several_attributes_are_one_list_of_labels():
    hands = via3.attribute('hands', options=['wave', 'sit'])
    chosen = _read(ACTION, hands, wanted=['action', 'hands'])
    assert chosen.labels({'1': '1', '2': '0,1'}, 'f') == ('sit', 'wave')


def test_the_only_one_that_boxes_use():
    assert _read(ACTION, NOTE, PERSON, used=['1', '3']).actions == ('1',)


def test_a_person_attribute_may_be_asked_for_as_the_action():
    chosen = _read(ACTION, PERSON, wanted=['Person ID'])
    assert (chosen.actions, chosen.person) == (('2',), None)


def test_open_which_is_the_action():
    with pytest.raises(ValueError, match="f: which attribute .* --attribute; .*'action', 'note'"):
        _read(ACTION, NOTE)
    with pytest.raises(ValueError, match='which attribute is the action'):
        _read(PERSON)
    with pytest.raises(ValueError, match='the project has none'):
        _read()


@pytest.mark.parametrize(
    ('attributes', 'message'),
    [
        ([PERSON, via3.attribute('track', via3.TEXT)], r"\['Person ID', 'track'\] all seem to be"),
        ([ACTION, ACTION], 'two attributes of one name'),
        ([{**ACTION, 'type': 9}], "attribute '1': key 'type' must be 1 to 5, got 9"),
        ([{**ACTION, 'aname': ''}], "attribute '1': key 'aname' must be text, got ''"),
        ([{**ACTION, 'options': {'0': 3}}], "attribute '1': option '0' must be text, got 3"),
        (['walk'], "attribute '1' must be an object"),
    ],
)
def test_wrong_attributes(attributes, message):
    with pytest.raises(ValueError, match=message):
        _read(*attributes)


def test_no_such_attribute():
    with pytest.raises(ValueError, match="f: no attribute 'pose'; it has 'action'"):
        _read(ACTION, wanted=['pose'])


def test_wrong_values():
    chosen = _read(ACTION, via3.attribute('person', options=['a', 'b']))
    with pytest.raises(ValueError, match=r"f: 3: attribute 'action': '7' is no option .*'0', '1'"):
        chosen.labels({'1': '0,7'}, 'f: 3')
    with pytest.raises(ValueError, match="attribute 'action': None is no text"):
        chosen.labels({'1': None}, 'f')
    with pytest.raises(ValueError, match=r"'person': a box is of one person, got \['a', 'b'\]"):
        chosen.person_of({'2': '0,1'}, 'f')
    text = _read(via3.attribute('action', via3.TEXT))
    with pytest.raises(ValueError, match='control character'):
        text.labels({'1': 'walk\nsit'}, 'f')
