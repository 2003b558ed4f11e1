"""A multi-page PDF as a copier makes it: one grey raster picture per page, the same bytes for the same arguments.

Paper noise does not compress, so a page of A4 at 150 dpi takes about 1 MB.
"""

import random
import zlib

_WIDTH, _HEIGHT = 1240, 1754  # A4 at 150 dpi
_PAPER = bytes(232 + (value & 15) for value in range(256))  # four bits of noise on light grey
_INK = b"\x28"
_MARGIN = 120


def pdf(pages: int, *, seed: int = 1) -> bytes:
    """A PDF 1.4 file of `pages` pages, about 1.1 MB each."""
    noise = random.Random(seed)  # noqa: S311 - paper, not secrecy
    kids = " ".join(f"{3 + 3 * page} 0 R" for page in range(pages))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode()]
    for page in range(pages):
        objects += _page(3 + 3 * page, _raster(noise, page + 1))
    return _file(objects)


def _page(number: int, raster: bytes) -> list[bytes]:
    """A page, what is drawn on it, and its picture; `number` is the page's own object number."""
    packed = zlib.compress(raster, 1)
    drawing = b"q 595 0 0 842 0 0 cm /Scan Do Q"
    page = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R "
        f"/Resources << /XObject << /Scan {number + 2} 0 R >> >> >>"
    )
    picture = (
        f"<< /Type /XObject /Subtype /Image /Width {_WIDTH} /Height {_HEIGHT} /ColorSpace /DeviceGray "
        f"/BitsPerComponent 8 /Filter /FlateDecode /Length {len(packed)} >>"
    )
    return [page.encode(), _stream(f"<< /Length {len(drawing)} >>", drawing), _stream(picture, packed)]


def _stream(dictionary: str, content: bytes) -> bytes:
    return dictionary.encode() + b"\nstream\n" + content + b"\nendstream"


def _raster(noise: random.Random, number: int) -> bytes:
    """Paper with lines of "writing"; the bars in the first line count the page's number."""
    raster = bytearray(noise.randbytes(_WIDTH * _HEIGHT).translate(_PAPER))
    for bar in range(number):
        _draw(raster, top=_MARGIN, left=_MARGIN + 40 * bar, width=20, height=30)
    for top in range(_MARGIN + 80, _HEIGHT - _MARGIN, 36):
        _draw(raster, top=top, left=_MARGIN, width=noise.randrange(500, _WIDTH - 2 * _MARGIN), height=8)
    return bytes(raster)


def _draw(raster: bytearray, *, top: int, left: int, width: int, height: int) -> None:
    for row in range(top, top + height):
        start = row * _WIDTH + left
        raster[start : start + width] = _INK * width


def _file(objects: list[bytes]) -> bytes:
    """The objects with their cross-reference table (ISO 32000-1 §7.5)."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for offset in offsets:
        out += f"{offset:010d} 00000 n \n".encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)
