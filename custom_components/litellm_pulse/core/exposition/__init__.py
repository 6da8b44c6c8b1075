"""From bytes to families, lines and labels: the text exposition format of Prometheus."""

from .labels import LabelReader, Labels, labels_of
from .parser import PROCESS_START, Exposition, ExpositionParser
from .samples import gauges, number, series_and_value, sums

__all__ = [
    "PROCESS_START",
    "Exposition",
    "ExpositionParser",
    "LabelReader",
    "Labels",
    "gauges",
    "labels_of",
    "number",
    "series_and_value",
    "sums",
]
