"""What only the people behind a dataset know of it: licence, authors, address, day of publication."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from evface.dataset.tree import read_json
from evface.validation import validated

DESCRIPTION = "dataset_description.json"
"""At the root of a dataset; also where these fields are written."""


class Publication(BaseModel):
    """Fields of dataset_description.json that are kept when it is written anew."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    license: str | None = Field(
        default=None, alias="License", min_length=1, description="a URL, or SPDX's short name: CC-BY-NC-4.0"
    )
    authors: tuple[str, ...] = Field(default=(), alias="Authors", description="names, or the laboratory's")
    address: str | None = Field(
        default=None,
        alias="DatasetURL",
        pattern=r"^https?://\S+$",
        description="of the page, or the DOI as a URL",
    )
    published: date | None = Field(default=None, alias="DatePublished", description="year-month-day")
    citation: str | None = Field(
        default=None, alias="HowToAcknowledge", min_length=1, description="how to cite the dataset"
    )

    def fields(self) -> dict[str, Any]:
        """Those that are known, as in dataset_description.json."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def read_publication(root: Path) -> Publication:
    """What is known of a dataset's publication; nothing where it has not been described yet.

    Raises:
        FormatError: dataset_description.json is broken.
        ConfigError: one of the fields is no such thing.
    """
    path = root / DESCRIPTION
    return validated(Publication, read_json(path), str(path)) if path.exists() else Publication()
