"""Reading flatbuffers with every offset checked, as far as aedat4 needs it.

https://flatbuffers.dev/internals: a table begins with the distance back to its vtable, which gives
the place of each field, 0 for absent ones.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class FlatbufferError(Exception):
    """An offset that leads out of the buffer."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table in a buffer.

    Attributes:
        data: the whole buffer.
        at: where the table begins.
    """

    data: bytes
    at: int

    @classmethod
    def root(cls, data: bytes, identifier: str) -> Table:
        """The table that a size-prefixed buffer with this file identifier begins with.

        Raises:
            FlatbufferError: too short, or another identifier.
        """
        if len(data) < 12 or data[8:12] != identifier.encode():
            raise FlatbufferError(f"expected a buffer of {identifier}, found {data[8:12]!r}")
        return cls(data, 4 + _unpack("<I", data, 4))

    def field(self, number: int) -> int:
        """Where a field lies, 0 if it is absent."""
        vtable = self.at - _unpack("<i", self.data, self.at)
        slot = 4 + 2 * number
        if slot >= _unpack("<H", self.data, vtable):
            return 0
        offset = _unpack("<H", self.data, vtable + slot)
        return self.at + offset if offset else 0

    def number(self, field: int, code: str, default: float = 0) -> Any:
        """A scalar field; ``code`` as in `struct`."""
        at = self.field(field)
        return _unpack("<" + code, self.data, at) if at else default

    def vector(self, field: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """A vector of scalars or structs, not copied."""
        at = self.field(field)
        if not at:
            return np.empty(0, dtype)
        start = at + _unpack("<I", self.data, at)
        count = _unpack("<I", self.data, start)
        if start + 4 + count * dtype.itemsize > len(self.data):
            raise FlatbufferError(
                f"vector of {count} elements at byte {start} leads out of {len(self.data)} bytes"
            )
        return np.frombuffer(self.data, dtype, count, start + 4)

    def tables(self, field: int) -> list[Table]:
        """A vector of tables."""
        at = self.field(field)
        offsets = self.vector(field, np.dtype("<u4"))
        if not len(offsets):
            return []
        first = at + _unpack("<I", self.data, at) + 4
        return [Table(self.data, first + 4 * i + int(offset)) for i, offset in enumerate(offsets)]


def _unpack(code: str, data: bytes, at: int) -> Any:
    if at < 0:
        raise FlatbufferError(f"offset leads to byte {at}")
    try:
        return struct.unpack_from(code, data, at)[0]
    except struct.error:
        raise FlatbufferError(f"offset leads to byte {at} of {len(data)}") from None
