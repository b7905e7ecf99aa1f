"""A strict JSON reader in plain Python, and what mmlt's JSON files may hold."""

from __future__ import annotations

import math
import re

from text_references import decoded, demand

_NUMBER = re.compile(r'-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?')
_ESCAPES = {'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
GROUPS = ('head', 'medium', 'tail')


class _Json:
    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth = text, 0, 0

    def skip(self) -> None:
        while self.peek() and self.peek() in ' \t\r\n':
            self.place += 1

    def peek(self) -> str:
        return self.text[self.place : self.place + 1]

    def expect(self, word: str) -> None:
        demand(self.text.startswith(word, self.place))
        self.place += len(word)

    def whole(self):
        value = self.value()
        self.skip()
        demand(self.place == len(self.text))
        return value

    def value(self):
        self.skip()
        first = self.peek()
        words = {'n': ('null', None), 't': ('true', True), 'f': ('false', False)}
        if first in words and first:
            self.expect(words[first][0])
            return words[first][1]
        if first == '"':
            return self.string()
        if first and first in '[{':
            self.depth += 1
            demand(self.depth < 100)
            value = self.array() if first == '[' else self.object()
            self.depth -= 1
            return value
        return self.number()

    def number(self):
        found = _NUMBER.match(self.text, self.place)
        demand(found)
        self.place = found.end()
        if found[1] or found[2]:
            demand(math.isfinite(float(found[0])))
            return float(found[0])
        demand(len(found[0]) < 30 and -(2**63) <= int(found[0]) < 2**63)
        return int(found[0])

    def string(self) -> str:
        self.expect('"')
        found = ''
        while self.peek() != '"':
            character = self.peek()
            demand(character and ord(character) >= 0x20)
            self.place += 1
            if character == '\\':
                character = self.escaped()
            found += character
        self.expect('"')
        try:
            return found.encode('utf-16', 'surrogatepass').decode('utf-16')
        except UnicodeDecodeError:
            demand(False)

    def escaped(self) -> str:
        kind = self.peek()
        self.place += 1
        if kind != 'u':
            demand(kind in _ESCAPES)
            return _ESCAPES[kind]
        digits = self.text[self.place : self.place + 4]
        demand(re.fullmatch('[0-9a-fA-F]{4}', digits))
        self.place += 4
        return chr(int(digits, 16))

    def array(self) -> list:
        self.expect('[')
        found: list = []
        self.skip()
        if self.peek() != ']':
            found.append(self.value())
            self.skip()
            while self.peek() == ',':
                self.place += 1
                found.append(self.value())
                self.skip()
        self.expect(']')
        return found

    def object(self) -> dict:
        self.expect('{')
        found: dict = {}
        self.skip()
        while self.peek() != '}':
            self.skip()
            key = self.string()
            demand(key not in found)
            self.skip()
            self.expect(':')
            found[key] = self.value()
            self.skip()
            if self.peek() != '}':
                self.expect(',')
                self.skip()
                demand(self.peek() == '"')
        self.expect('}')
        return found


def json_object(path) -> dict:
    value = _Json(decoded(path)).whole()
    demand(isinstance(value, dict))
    return value


def _integer(value, low: int, high: int) -> int:
    demand(type(value) is int and low <= value <= high)
    return value


def counts(path):
    content = json_object(path)
    demand(isinstance(content.get('classes'), list))
    found: dict = {}
    for entry in content['classes']:
        demand(isinstance(entry, dict) and isinstance(entry.get('name'), str))
        class_id = _integer(entry.get('id'), 1, 999_999)
        demand(class_id not in found)
        found[class_id] = (entry['name'], _integer(entry.get('count'), 0, 2**53))
    for key in ('source', 'unit'):
        demand(isinstance(content.get(key), (str, type(None))))
    unit = content.get('unit') or 'boxes'
    return content.get('source') or path.name, unit, list(found.items())


def split(path, class_ids):
    content = json_object(path)
    demand(isinstance(content.get('source'), (str, type(None))))
    groups = [group for group in GROUPS if group != 'medium' or group in content]
    members: list = []
    for group in groups:
        demand(isinstance(content.get(group), list))
        members += [_integer(value, 1, 999_999) for value in content[group]]
    demand(sorted(members) == sorted(class_ids))
    return content.get('source') or path.name, [(g, tuple(content[g])) for g in groups]


def _fraction(value) -> None:
    demand(value is None or (type(value) in (int, float) and -1e-9 <= value <= 1 + 1e-9))


def _count(value) -> None:
    demand(type(value) is int and value >= 0)


def _optional_count(value) -> None:
    demand(value is None or (type(value) is int and value >= 0))


def _text(value) -> None:
    demand(isinstance(value, str))


def _optional_text(value) -> None:
    demand(value is None or isinstance(value, str))


def _whole(value) -> None:
    demand(type(value) is int)


def _object(value) -> None:
    demand(isinstance(value, dict))


def _group(value) -> None:
    demand(value is None or (isinstance(value, str) and value in GROUPS))


_MEANS = dict.fromkeys(('mSAP', 'frame_mAP', 'mAUC'), _fraction)
_CLASSIFIER = dict.fromkeys(('mAP', 'mean_recall@1', 'mean_recall@5'), _fraction)
_COMMON = {'train_counts_source': _optional_text, 'split_source': _optional_text}
_COMMON |= {'groups': _object, 'per_class': _object}
_CLASS = {'id': _whole, 'num_train': _optional_count, 'group': _group}
_DETECTOR_RUN = {**_COMMON, **_MEANS, 'protocol': _text, 'capacity': _optional_count}
_DETECTOR_RUN |= {'mSAP_sampled': _fraction, 'num_keyframes': _count, 'num_boxes': _count}
_DETECTOR_RUN |= {'pool': _text, 'num_trials': _count, 'seed': _whole}
_DETECTOR_CLASS = {**_CLASS, 'num_boxes': _count}
_DETECTOR_CLASS |= dict.fromkeys(('AP', 'SAP', 'SAP_std', 'SAP_sampled', 'AUC'), _fraction)
_CLASSIFIER_RUN = {**_COMMON, **_CLASSIFIER, 'acc@1': _fraction, 'acc@5': _fraction}
_CLASSIFIER_RUN |= {'num_samples': _count}
_CLASSIFIER_CLASS = {**_CLASS, 'num_samples': _count}
_CLASSIFIER_CLASS |= dict.fromkeys(('AP', 'recall@1', 'recall@5'), _fraction)
_LATER = {'num_keyframes_detected': _count, 'num_videos': _count, 'num_videos_detected': _count}


def _has(values: dict, rules: dict) -> None:
    for key, rule in rules.items():
        demand(key in values)
        rule(values[key])


def metrics(path) -> dict:
    content = json_object(path)
    if 'format_version' in content:
        _integer(content.pop('format_version'), 0, 1)
    if 'task' in content:
        demand(content['task'] == 'classification')
        run, means, per_class = _CLASSIFIER_RUN, _CLASSIFIER, _CLASSIFIER_CLASS
    else:
        run, means, per_class = _DETECTOR_RUN, _MEANS, _DETECTOR_CLASS
        for key, rule in _LATER.items():
            if key in content:
                rule(content[key])
        for key in ('missing_score_ratio', 'tied_score_ratio'):
            if key in content:
                demand(content[key] is not None)
                _fraction(content[key])
    _has(content, run)
    for group, values in content['groups'].items():
        demand(group in GROUPS and isinstance(values, dict))
        _has(values, {**means, 'num_classes': _count})
    demand(content['per_class'])
    for values in content['per_class'].values():
        demand(isinstance(values, dict))
        _has(values, per_class)
    return content
