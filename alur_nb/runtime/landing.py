"""The landing files of a laptop: those of its folder, and those of any bucket that a pattern names by `s3://`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby
from typing import BinaryIO

from alur_nb.runtime.files import Files, SourceFile

_S3 = "s3://"


class LaptopFiles(Files):
    """Each call goes to the files of the place that its pattern or file names; S3 is first asked when one names it.

    What is listed on S3 can be previewed here; a run's Spark needs Hadoop's S3A to read it, and says so.
    """

    def __init__(self, folder: Files, region: str | None) -> None:
        self._folder = folder
        self._region = region

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        """Scan the folder or the bucket."""
        return self._of(pattern).scan(pattern)

    def open(self, file: SourceFile, *, head: int | None = None) -> BinaryIO:
        """Open the file where it lies."""
        return self._of(file.uri).open(file, head=head)

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the file again where it lies."""
        return self._of(file.uri).stat(file)

    def stats(self, files: Iterable[SourceFile]) -> Iterator[SourceFile]:
        """Look at the files again where they lie, those of one place together."""
        for place, some in groupby(files, key=lambda file: self._of(file.uri)):
            yield from place.stats(some)

    def hash(self, file: SourceFile) -> str:
        """Hash the file where it lies."""
        return self._of(file.uri).hash(file)

    @cached_property
    def _s3(self) -> Files:
        # Imported by those who need it: a laptop that reads its own folder does not wait for boto3.
        from alur_nb.runtime.aws import client
        from alur_nb.runtime.files_s3 import S3Files

        return S3Files(None, client("s3", self._region))

    def _of(self, place: str) -> Files:
        return self._s3 if place.startswith(_S3) else self._folder
