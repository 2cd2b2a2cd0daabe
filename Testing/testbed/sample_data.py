"""The module ``SampleData`` as far as modules use it: registering and downloading data sets."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import slicer


@dataclass
class SampleDataSource:
    """One data set: what it is called, where it lies, how it is loaded."""

    sampleName: str | None = None
    sampleDescription: str | None = None
    uris: object = None
    fileNames: object = None
    nodeNames: object = None
    checksums: object = None
    loadFiles: object = None
    customDownloader: object = None
    thumbnailFileName: str | None = None
    loadFileTypes: object = None
    loadFileProperties: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("uris", "fileNames", "nodeNames", "checksums"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, list | tuple):
                setattr(self, name, [value])
        lengths = {len(x) for x in (self.uris, self.fileNames, self.checksums) if x is not None}
        if len(lengths) > 1:
            raise ValueError("uris, fileNames and checksums must have the same length")


class SampleDataLogic:
    """Registers data sets; only those with a downloader of their own can be fetched here."""

    @staticmethod
    def registerCustomSampleDataCategory(category, title):
        categories = vars(slicer.modules).setdefault("sampleDataSourceCategories", {})
        categories.setdefault(category, {})["title"] = title

    @staticmethod
    def registerCustomSampleDataSource(
        category="Custom",
        sampleName=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFiles=None,
        loadFileProperties=None,
        checksums=None,
        loadFileType=None,
    ):
        if thumbnailFileName is not None and not os.path.isfile(thumbnailFileName):
            raise ValueError(f"{sampleName}: no thumbnail at {thumbnailFileName}")
        for checksum in _as_list(checksums):
            algorithm, _, digest = checksum.partition(":")
            expected = hashlib.new(algorithm.lower()).digest_size * 2
            if len(digest) != expected:
                raise ValueError(f"{sampleName}: {checksum} is no {algorithm} checksum")
        source = SampleDataSource(
            sampleName=sampleName,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            checksums=checksums,
            loadFiles=loadFiles,
            customDownloader=customDownloader,
            thumbnailFileName=thumbnailFileName,
            loadFileTypes=loadFileTypes or loadFileType,
            loadFileProperties=loadFileProperties or {},
        )
        if not SampleDataLogic.isSampleDataSourceRegistered(category, source):
            _sources().setdefault(category, []).append(source)

    @staticmethod
    def sampleDataSourcesByCategory(category=None):
        return _sources() if category is None else _sources().get(category, [])

    @staticmethod
    def isSampleDataSourceRegistered(category, sampleDataSource):
        return sampleDataSource in _sources().get(category, [])

    def __init__(self, logMessage=None):
        self.logMessage = logMessage or print

    def sourceForSampleName(self, sampleName):
        found = [s for group in _sources().values() for s in group if s.sampleName == sampleName]
        return found[0] if found else None

    def downloadFromSource(self, source, maximumAttemptsCount=3, forceDownload=False):
        if source.customDownloader is None:
            raise RuntimeError("the testbed downloads nothing; give the source a customDownloader")
        return source.customDownloader(source)

    def downloadSample(self, sampleName):
        return self.downloadFromSource(self.sourceForSampleName(sampleName))

    def downloadSamples(self, sampleName):
        return self.downloadFromSource(self.sourceForSampleName(sampleName))


def _as_list(value) -> list:
    return [] if value is None else value if isinstance(value, list) else [value]


def _sources() -> dict[str, list[SampleDataSource]]:
    if not hasattr(slicer.modules, "sampleDataSources"):
        slicer.modules.sampleDataSources = {}
    return slicer.modules.sampleDataSources
