"""What the attributes of a VIA 3 project say of a box: its actions and its person.

An attribute has a name, a type and options. A box has, by the attribute's id, the id of the chosen
option (radio, select), those of several with commas between them (checkbox), or text.
Source: ``_via_attribute.js`` and ``_via_file_annotator.js`` of VIA 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mmlt.fileio.json_schema import check_object
from mmlt.functional.detection.fields import name_fault

_TEXT, _CHECKBOX, _RADIO, _SELECT = 1, 2, 3, 4
_CHOICES = (_CHECKBOX, _RADIO, _SELECT)
_OF_A_PERSON = ('person', 'personid', 'personnumber', 'track', 'trackid')


class _Attribute(NamedTuple):
    name: str
    kind: int
    options: Mapping[str, str]


class ViaAttributes(NamedTuple):
    """Which attributes, by id, are the action, and which is the person."""

    every: Mapping[str, _Attribute]
    actions: tuple[str, ...]
    person: str | None

    def labels(self, values: Mapping[str, Any], where: str) -> tuple[str, ...]:
        """The actions of a box, each once."""
        found = [label for key in self.actions for label in self._texts(values, key, where)]
        for label in found:
            fault = name_fault(label)
            if fault:
                raise ValueError(f'{where}: label {label!r}: {fault}')
        return tuple(dict.fromkeys(found))

    def person_of(self, values: Mapping[str, Any], where: str) -> str | None:
        """The person of a box."""
        texts = [] if self.person is None else self._texts(values, self.person, where)
        if len(texts) > 1:
            name = self.every[self.person].name
            raise ValueError(f'{where}: attribute {name!r}: a box is of one person, got {texts}')
        return texts[0] if texts else None

    def _texts(self, values: Mapping[str, Any], key: str, where: str) -> list[str]:
        value = values.get(key, '')
        name, kind, options = self.every[key]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)  # written by other programs
        if not isinstance(value, str):
            raise ValueError(f'{where}: attribute {name!r}: {value!r:.80} is no text')
        if kind not in _CHOICES:
            return [value.strip()] if value.strip() else []
        chosen = value.split(',') if kind == _CHECKBOX else [value]
        chosen = [option for option in chosen if option.strip()]
        for option in chosen:
            if option not in options:
                raise ValueError(
                    f'{where}: attribute {name!r}: {option!r} is no option of it; it has '
                    f'{list(options)}'
                )
        return [options[option] for option in chosen]


def read_attributes(
    content: Any, used: Iterable[str], wanted: Sequence[str] | None, where: str
) -> ViaAttributes:
    """Choose the attributes of a project.

    Args:
        content: The object ``attribute`` of the project.
        used: Ids of the attributes that boxes have a value of.
        wanted: Names of those that are the action; None: the only one that boxes use.
        where: The file, for messages.

    Raises:
        ValueError: A wanted attribute is not there, or which one is meant is open; lists all.
    """
    check_object(content, f"{where}: key 'attribute'")
    every = {
        key: _attribute(value, f'{where}: attribute {key!r}') for key, value in content.items()
    }
    persons = [key for key, value in every.items() if _plain(value.name) in _OF_A_PERSON]
    if len(persons) > 1:
        names = [every[key].name for key in persons]
        raise ValueError(f'{where}: the attributes {names} all seem to be the person; rename one')
    names = {value.name: key for key, value in every.items()}
    listed = ', '.join(map(repr, names)) or 'none'
    if len(names) < len(every):
        raise ValueError(f'{where}: two attributes of one name ({listed}); rename one')
    if wanted is not None:
        for name in wanted:
            if name not in names:
                raise ValueError(f'{where}: no attribute {name!r}; it has {listed}')
        actions = [names[name] for name in wanted]
        persons = [key for key in persons if key not in actions]
    else:
        used = set(used)
        actions = [key for key in every if key not in persons and key in used]
        if not actions:
            actions = [key for key in every if key not in persons]
        if len(actions) != 1:
            raise ValueError(
                f'{where}: which attribute is the action? Name it, or several, by --attribute; the '
                f'project has {listed}'
            )
    return ViaAttributes(every, tuple(actions), persons[0] if persons else None)


def _plain(name: str) -> str:
    return ''.join(letter for letter in name.casefold() if letter.isalnum())


def _attribute(content: Any, where: str) -> _Attribute:
    check_object(content, where)
    name, kind = content.get('aname'), content.get('type')
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{where}: key 'aname' must be text, got {name!r:.80}")
    kind = int(kind) if isinstance(kind, str) and kind.isdecimal() else kind
    if kind not in (_TEXT, *_CHOICES):
        kind = _TEXT if kind == 5 else kind  # an image: no choice of options
    if kind not in (_TEXT, *_CHOICES):
        raise ValueError(f"{where}: key 'type' must be 1 to 5, got {content.get('type')!r:.80}")
    options = content.get('options', {})
    check_object(options, f"{where}: key 'options'")
    for key, text in options.items():
        if not isinstance(text, str):
            raise ValueError(f'{where}: option {key!r} must be text, got {text!r:.80}')
    return _Attribute(name.strip(), kind, {key: text.strip() for key, text in options.items()})
