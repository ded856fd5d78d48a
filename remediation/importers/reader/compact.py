"""A map from numbers to numbers that stays small: 32 to 64 bytes an entry where a dict takes 200.

An import remembers something of every row of its file, so this is what keeps its memory flat.
"""

from array import array

_EMPTY = 0


class CompactMap:
    """Open addressing in two arrays; keys are 64-bit hashes, already spread evenly."""

    def __init__(self) -> None:
        self._mask = 1023
        self._used = 0
        self._keys = array("Q", bytes(8 * 1024))
        self._values = array("Q", bytes(8 * 1024))

    def __len__(self) -> int:
        return self._used

    def setdefault(self, key: int, value: int) -> int:
        """The value that the key has, or else now gets."""
        key = key or 1
        keys, mask = self._keys, self._mask
        place = key & mask
        while (found := keys[place]) != key:
            if found == _EMPTY:
                keys[place] = key
                self._values[place] = value
                self._used += 1
                if self._used * 2 > mask:
                    self._grow()
                return value
            place = (place + 1) & mask
        return self._values[place]

    def _grow(self) -> None:
        old = zip(self._keys, self._values, strict=True)
        size = (self._mask + 1) * 2
        self._mask = size - 1
        self._keys, self._values = array("Q", bytes(8 * size)), array("Q", bytes(8 * size))
        keys, values, mask = self._keys, self._values, self._mask
        for key, value in old:
            if key != _EMPTY:
                place = key & mask
                while keys[place] != _EMPTY:
                    place = (place + 1) & mask
                keys[place] = key
                values[place] = value
