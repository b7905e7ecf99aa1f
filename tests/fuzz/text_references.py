"""Slow, strict readers of mmlt's text files in plain Python; each shares no line with mmlt's."""

from __future__ import annotations

import csv
import io
import math
import re
import string

_DIGITS = frozenset(string.digits)
_MAX_INT32 = 2**31 - 1


class Refused(Exception):
    """The file breaks a rule."""


def demand(is_right) -> None:
    if not is_right:
        raise Refused


def decoded(path) -> str:
    try:
        return path.read_bytes().decode('utf-8-sig')
    except UnicodeDecodeError:
        raise Refused from None


def lines_of(text: str) -> list[str]:
    return text.replace('\r\n', '\n').replace('\r', '\n').split('\n')


def is_hidden(character: str) -> bool:
    """Controls and white space other than the blank and the tab; the byte-order mark."""
    code = ord(character)
    is_control = code < 0x20 or 0x7F <= code <= 0x9F or code == 0xFEFF
    return (is_control or character.isspace()) and character not in ' \t'


def number(text: str) -> float:
    text = text.strip(' \t')
    mantissa, exponent = re.split('[eE]', text, maxsplit=1) if 'e' in text.lower() else (text, '0')
    whole, _, fraction = mantissa.lstrip('+-').partition('.')
    demand(len(mantissa) - len(mantissa.lstrip('+-')) <= 1)
    demand(whole + fraction and set(whole + fraction) <= _DIGITS)
    power = exponent[1:] if exponent[:1] in ('+', '-') else exponent
    demand(power and set(power) <= _DIGITS)
    value = float(text)
    demand(math.isfinite(value))
    return value


def seconds(text: str) -> int:
    value = number(text)
    demand(value == math.floor(value) and abs(value) <= _MAX_INT32)
    return int(value)


def class_id(text: str) -> int:
    value = seconds(text)
    digits = text.strip(' \t')
    demand(set(digits[1:] if digits[0] == '-' else digits) <= _DIGITS)
    return value


def name(text: str) -> str:
    demand(text)
    for character in text:
        code = ord(character)
        demand(code >= 0x20 and not 0x7F <= code <= 0x9F and code != 0xFEFF)
    return text


def csv_rows(text: str) -> list[list[str]]:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
    except csv.Error:
        raise Refused from None
    return [row for row in rows if len(row) > 1 or (row and row[0].strip(' \t'))]


def ava_csv(path):
    return ava_rows(decoded(path))


def ava_rows(text: str):
    rows = csv_rows(text)
    demand(rows)
    width = len(rows[0])
    demand(width in (7, 8))
    found = []
    for row in rows:
        demand(len(row) == width)
        box = [number(field) for field in row[2:6]]
        demand(box[0] <= box[2] and box[1] <= box[3])
        score = number(row[7]) if width == 8 else 1.0
        found.append((name(row[0]), seconds(row[1]), tuple(box), class_id(row[6]), score))
    return found


def ava_kinetics_csv(path):
    found = []
    for row in csv_rows(decoded(path)):
        demand(len(row) in (2, 7, 8))
        second = number(row[1])
        demand(abs(second) <= _MAX_INT32)
        keyframe = name(row[0]), math.trunc(second)
        if any(field.strip(' \t') for field in row[2:]):
            box = [number(field) for field in row[2:6]]
            demand(box[0] <= box[2] and box[1] <= box[3])
            has_person = len(row) == 8 and row[7].strip(' \t')
            person = number(row[7]) if has_person else -1.0
            found.append((*keyframe, tuple(box), class_id(row[6]), person))
    demand(found)
    return found


def exclusions(path):
    rows = csv_rows(decoded(path))
    demand(all(len(row) == 2 for row in rows))
    return {(name(row[0]), seconds(row[1])) for row in rows}


# ------------------------------------------------------------------- lists of videos and clips


def fields_of_lines(path) -> list[list[str]]:
    found = []
    for line in lines_of(decoded(path)):
        demand(not any(is_hidden(character) for character in line))
        fields = [field for field in line.replace('\t', ' ').split(' ') if field]
        found += [fields] if fields else []
    return found


def index(text: str) -> int:
    demand(1 <= len(text) <= 6 and set(text) <= _DIGITS)
    return int(text)


def video_id(text: str) -> str:
    parts = text.replace('\\', '/').split('/')
    demand(parts[0] != '' and '..' not in parts and set(parts) - {'', '.'})
    return text


def videolt_list(path, num_classes):
    found = {}
    for fields in fields_of_lines(path):
        demand(len(fields) == 2 and fields[0] not in found)
        labels = [index(field) for field in fields[1].split(',')]
        demand(len(set(labels)) == len(labels) and max(labels) < num_classes)
        found[video_id(fields[0])] = labels
    demand(found)
    return list(found.items())


def video_ids(path):
    found = [video_id(fields[0]) for fields in fields_of_lines(path)]
    demand(found)
    return list(dict.fromkeys(found))


def videolt_counts(path):
    classes = {}
    for fields in fields_of_lines(path):
        demand(len(fields) >= 3)
        whole, _, zeros = fields[-1].partition('.')
        demand(1 <= len(whole) <= 15 and set(whole) <= _DIGITS and set(zeros) <= {'0'})
        number_of_class, called = index(fields[-2]), ' '.join(fields[:-2])
        demand(number_of_class not in classes)
        demand(called not in [known for known, _ in classes.values()])
        classes[number_of_class] = (called, int(whole))
    demand(classes and sorted(classes) == list(range(len(classes))))
    return [classes[i] for i in range(len(classes))]


def clip_list(path):
    counts = {}
    for fields in fields_of_lines(path):
        demand(len(fields) >= 2)
        labels = [index(field) for field in fields[1:]]
        demand(len(set(labels)) == len(labels))
        for label in labels:
            counts[label] = counts.get(label, 0) + 1
    demand(counts)
    return [counts.get(label, 0) for label in range(max(counts) + 1)]


# --------------------------------------------------------------------------------- label maps


def label_map(path):
    return _LabelMap(decoded(path)).read()


class _LabelMap:
    """Reads character by character."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def skip(self, characters: str) -> None:
        while True:
            self.rest = self.rest.lstrip(characters)
            if self.rest[:1] != '#' or '\n' not in characters or ',' not in characters:
                return
            while self.rest and self.rest[0] not in '\r\n':
                self.rest = self.rest[1:]

    def take(self, allowed) -> str:
        count = 0
        while count < len(self.rest) and self.rest[count] in allowed:
            count += 1
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def expect(self, character: str) -> None:
        demand(self.rest[:1] == character)
        self.rest = self.rest[1:]

    def read(self) -> dict[int, str]:
        found: dict[int, str] = {}
        self.skip(' \t\r\n,;')
        while self.rest:
            demand(self.take(string.ascii_lowercase) in ('item', 'label'))
            self.skip(' \t\r\n')
            if self.rest[:1] == ':':
                self.expect(':')
                self.skip(' \t\r\n')
            self.expect('{')
            entry = self.read_entry()
            ids = [key for key in ('id', 'label_id') if key in entry]
            demand(len(ids) == 1 and 'name' in entry)
            number_of_class, called = entry[ids[0]], entry['name']
            demand(number_of_class[:1] not in '"\'' and called[:1] in ('"', "'"))
            digits = number_of_class[1:] if number_of_class[0] == '+' else number_of_class
            key = index(digits)
            called = name(self.unescaped(called))
            demand(key >= 1 and key not in found and called not in found.values())
            found[key] = called
            self.skip(' \t\r\n,;')
        demand(found)
        return dict(sorted(found.items()))

    def read_entry(self) -> dict[str, str]:
        entry: dict[str, str] = {}
        while True:
            self.skip(' \t\r\n,;')
            if self.rest[:1] == '}':
                self.expect('}')
                return entry
            key = self.take(string.ascii_lowercase + '_')
            demand(key and key not in entry)
            self.skip(' \t')
            self.expect(':')
            self.skip(' \t\r\n')
            if self.rest[:1] in ('"', "'"):
                entry[key] = self.take_quoted()
            else:
                entry[key] = self.take(string.ascii_letters + string.digits + '_.+-')
                demand(entry[key])

    def take_quoted(self) -> str:
        quote, end = self.rest[0], 1
        while end < len(self.rest) and self.rest[end] != quote:
            demand(self.rest[end] not in '\r\n')
            end += 2 if self.rest[end] == '\\' else 1
        demand(end < len(self.rest))
        taken, self.rest = self.rest[: end + 1], self.rest[end + 1 :]
        return taken

    @staticmethod
    def unescaped(quoted: str) -> str:
        found, inside = '', iter(quoted[1:-1])
        for character in inside:
            if character == '\\':
                character = next(inside, '')
                demand(character and character in '\\"\'')
            found += character
        return found
