"""Requests, bodies in memory and small answers."""

from __future__ import annotations

import json

import pytest

from dvc_osf.messages import PIECE, Answer, BytesBody


class TestBytesBody:
    @pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
    async def test_pieces_are_small_and_make_up_the_whole(self, size):
        data = bytes(range(256)) * (size // 256 + 1)
        body = BytesBody(data[:size])
        pieces = [bytes(piece) async for piece in body]
        assert b"".join(pieces) == data[:size]
        assert all(0 < len(piece) <= PIECE for piece in pieces)
        assert body.size == size
        assert body.failure is None
        await body.aclose()

    async def test_pieces_are_not_copies(self):
        data = bytes(2 * PIECE)
        async for piece in BytesBody(data):
            assert piece.obj is data


class TestAnswer:
    async def test_json_is_read(self):
        assert await Answer(200, {}, b'{"data": [1]}').json() == {"data": [1]}

    async def test_long_json_is_read_as_well(self):
        value = ["ü" * 100] * 20_000
        assert await Answer(200, {}, json.dumps(value).encode()).json() == value

    @pytest.mark.parametrize("content", [b"", b"<html>", b"{", b"\xff\xfe"])
    async def test_what_is_no_json_is_none(self, content):
        assert await Answer(200, {}, content).json() is None
