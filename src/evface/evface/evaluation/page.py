"""HTML pages in one file: pictures inside, the look of the house, nothing fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Final

STYLE: Final = Path(__file__).with_name("page.css")


def page(title: str, parts: Iterable[str], strap: str = "", wide: bool = False) -> str:
    """A whole page.

    Args:
        title: of the window.
        parts: HTML, in order.
        strap: a line that stays in sight at the top; "": none.
        wide: whether there are tables of many columns.
    """
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
    )
    above = f"<div class=strap>{html.escape(strap)}</div>" if strap else ""
    main = "<main class=wide>" if wide else "<main>"
    return f"{head}{above}{main}{''.join(parts)}</main></body></html>\n"


def figure(image: bytes, caption: str, alt: str = "") -> str:
    """A picture with a caption.

    Args:
        image: bytes of a PNG or a JPEG.
        caption: HTML.
        alt: what is to be seen, for those who do not see it.
    """
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    data = base64.b64encode(image).decode()
    return (
        f'<figure><img alt="{html.escape(alt)}" src="data:image/{kind};base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
