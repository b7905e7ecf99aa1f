"""An index into a dataset that says which of the sample's boxes was drawn."""

from __future__ import annotations


class DrawnIndex(int):
    """An ``int`` that remembers the box that a sampler drew, and the class under which.

    Datasets take it for the plain index that it is. It survives pickling (to the workers of a
    DataLoader), copying, and the arithmetic by which RepeatDataset and ConcatDataset find the index
    of the dataset inside; mmengine's BaseDataset hands it on as ``results['sample_idx']``.

    Attributes:
        box: Place of the drawn box in the sample; None where samples have no boxes.
        class_id: Class under which it was drawn; None where the mode has none.
    """

    box: int | None
    class_id: int | None

    def __new__(cls, index: int, box: int | None = None, class_id: int | None = None) -> DrawnIndex:
        drawn = super().__new__(cls, index)
        drawn.box = box
        drawn.class_id = class_id
        return drawn

    def _moved(self, index: int) -> DrawnIndex:
        return index if index is NotImplemented else type(self)(index, self.box, self.class_id)

    def __add__(self, other: int) -> DrawnIndex:
        return self._moved(super().__add__(other))

    def __sub__(self, other: int) -> DrawnIndex:
        return self._moved(super().__sub__(other))

    def __mod__(self, other: int) -> DrawnIndex:
        return self._moved(super().__mod__(other))

    def __reduce__(self) -> tuple:
        return type(self), (int(self), self.box, self.class_id)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({int(self)}, box={self.box}, class_id={self.class_id})'
