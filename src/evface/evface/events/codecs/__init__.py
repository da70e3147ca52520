"""Encodings of event packets: one decoder for each, all with the same face."""

from __future__ import annotations

from evface.errors import FormatError
from evface.events.codecs.decoder import Bytes, Decoder
from evface.events.codecs.evt3 import Evt3Decoder
from evface.events.codecs.evt3_encode import encode_evt3
from evface.events.codecs.libcaer import LibcaerDecoder
from evface.events.codecs.libcaer_cmp import LibcaerCmpDecoder
from evface.events.codecs.mono import MonoDecoder, encode_mono

__all__ = ["ENCODINGS", "Bytes", "Decoder", "encode_evt3", "encode_mono", "make_decoder"]

_DECODERS: dict[
    str, type[Evt3Decoder] | type[MonoDecoder] | type[LibcaerDecoder] | type[LibcaerCmpDecoder]
] = {decoder.encoding: decoder for decoder in (Evt3Decoder, MonoDecoder, LibcaerDecoder, LibcaerCmpDecoder)}

ENCODINGS = tuple(_DECODERS)
"""Names of the encodings that can be decoded, as in ``EventPacket.encoding``."""


def make_decoder(encoding: str, width: int, height: int) -> Decoder:
    """A decoder for the packets of one sensor.

    Args:
        encoding: one of `ENCODINGS`.
        width: of the sensor, px.
        height: of the sensor, px.

    Raises:
        FormatError: unknown encoding.
        GeometryError: the sensor has no pixels, or too many.
    """
    if encoding not in _DECODERS:
        raise FormatError(f"unknown encoding {encoding!r}, expected one of {', '.join(ENCODINGS)}")
    return _DECODERS[encoding](width, height)
