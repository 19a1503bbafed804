"""A stretch of a plan as COPY's binary format: numpy lays out the rows, no Python object is made per batch.

The format is that of PostgreSQL's documentation, COPY, "Binary Format": a signature and two empty header words; per row the number of
fields, then each field as its length in bytes and its value, all big-endian; a trailer of -1. An int4[] is (its binary send function,
array_send) the number of dimensions, a flag for NULLs, the element type's oid, each dimension's size and lower bound, then each
element as a length and a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan import Plan

COPY = "COPY batches (simulation_id, number, first_record, offset_ms, record_offsets) FROM STDIN (FORMAT binary)"

_ROWS_A_WRITE = 2_000
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_INT4_OID = 23

_ROW = np.dtype([
    ("fields", ">i2"),
    ("id_bytes", ">i4"), ("id", "V16"),
    ("number_bytes", ">i4"), ("number", ">i4"),
    ("first_record_bytes", ">i4"), ("first_record", ">i4"),
    ("offset_bytes", ">i4"), ("offset_ms", ">i8"),
    ("array_bytes", ">i4"), ("dimensions", ">i4"), ("has_nulls", ">i4"), ("element_oid", ">i4"), ("size", ">i4"), ("lower_bound", ">i4"),
])  # fmt: skip
_ELEMENT = np.dtype([("bytes", ">i4"), ("before_ms", ">i4")])
_ARRAY_HEAD_BYTES = 20


def as_binary(id: UUID, plan: Plan, first: int, stop: int) -> Iterator[bytes]:  # noqa: A002 - the column's name
    """What to write into COPY for the batches `first` … `stop` - 1, in pieces of at most a few megabytes."""
    yield _HEADER
    for begin in range(first, stop, _ROWS_A_WRITE):
        yield _rows(id, plan, begin, min(begin + _ROWS_A_WRITE, stop))
    yield _TRAILER


def _rows(id: UUID, plan: Plan, begin: int, end: int) -> bytes:  # noqa: A002
    """Every row is laid out as wide as the widest; what the narrower ones have too much is cut out at the end."""
    counts = plan.batches.count[begin:end].astype(np.int64)
    firsts = plan.batches.first_record[begin:end]
    offsets_ms = plan.batches.offset_ms[begin:end]
    widest = int(counts.max())
    laid_out = np.zeros(end - begin, dtype=[("row", _ROW), ("elements", _ELEMENT, (widest,))])
    row, elements = laid_out["row"], laid_out["elements"]
    row["fields"] = 5
    row["id_bytes"], row["id"] = 16, np.void(id.bytes)
    row["number_bytes"], row["number"] = 4, np.arange(begin, end)
    row["first_record_bytes"], row["first_record"] = 4, firsts
    row["offset_bytes"], row["offset_ms"] = 8, offsets_ms
    row["array_bytes"] = _ARRAY_HEAD_BYTES + counts * _ELEMENT.itemsize
    row["dimensions"], row["element_oid"], row["size"], row["lower_bound"] = 1, _INT4_OID, counts, 1
    position = np.arange(widest)
    inside = position < counts[:, np.newaxis]
    records = np.where(inside, firsts[:, np.newaxis] + position, firsts[:, np.newaxis])
    elements["bytes"] = _ELEMENT.itemsize - 4
    elements["before_ms"] = offsets_ms[:, np.newaxis] - plan.offsets_ms[records]
    return _without_padding(laid_out, _ROW.itemsize + counts * _ELEMENT.itemsize)


def _without_padding(laid_out: np.ndarray[Any, np.dtype[np.void]], row_bytes: NDArray[np.int64]) -> bytes:
    """The rows one after the other, each at its own length. In units of two bytes, of which every length is a multiple."""
    if (row_bytes == laid_out.itemsize).all():
        return laid_out.tobytes()
    units = laid_out.view(np.uint16).reshape(len(laid_out), -1)
    kept = np.arange(units.shape[1]) < (row_bytes // 2)[:, np.newaxis]
    return units[kept].tobytes()
