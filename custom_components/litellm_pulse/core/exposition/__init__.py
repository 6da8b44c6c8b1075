"""From bytes to families, lines and labels: the text exposition format of Prometheus."""

from .labels import LabelReader, Labels, canonical, labels_of
from .parser import PROCESS_START, Exposition, ExpositionParser
from .samples import (
    HIGHEST,
    GaugeReader,
    GaugeSample,
    belongs,
    label_names,
    number,
    series_and_value,
    split_sample,
    sums,
)

__all__ = [
    "HIGHEST",
    "PROCESS_START",
    "Exposition",
    "ExpositionParser",
    "GaugeReader",
    "GaugeSample",
    "LabelReader",
    "Labels",
    "belongs",
    "canonical",
    "label_names",
    "labels_of",
    "number",
    "series_and_value",
    "split_sample",
    "sums",
]
