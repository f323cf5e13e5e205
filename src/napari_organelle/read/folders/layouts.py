"""Names under which microscopes write one file a channel: a table of patterns, one line each.

A pattern matches a name without its ending. Its groups become columns of the item table (``plate``, ``well``,
``row``, ``column``, ``field``, ``time``, ``section``, ``stem``); ``channel`` tells an item's files apart.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Layout(NamedTuple):
    """Who writes such names, and their pattern."""

    name: str
    pattern: re.Pattern[str]


PLATE = r"(?:(?P<plate>.+?)_)?"
WELL = r"(?P<well>(?:[A-P]|A[A-F])\d{1,2})"
UUID = r"(?:[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})?"
LINES = r"405|440|445|458|473|488|514|532|546|555|561|568|594|633|638|640|647"
DYE = (
    r"DAPI|Hoechst|BFP|GFP|EGFP|mNeonGreen|mNeon|FITC|YFP|Venus|RFP|mCherry|tdTomato|mScarlet|TRITC|DsRed|"
    r"Orig(?:Blue|Green|Red|Yellow)|TxRed|Cy3|Cy5|A(?:F|lexa)?\d{3}|\d{3}nm|"
    rf"{LINES}|BF|DIC|Brightfield|Phase|TL|Trans"
)

PATTERNS = {
    "Operetta or Opera Phenix": (
        r"r(?P<row>\d+)c(?P<column>\d+)f(?P<field>\d+)p(?P<section>\d+)-ch(?P<channel>\d+)(?:(?:sk|t)(?P<time>\d+))?"
        r"(?:fk\d+)?(?:fl\d+)?"
    ),
    "CellVoyager": (
        PLATE + WELL + r"_T(?P<time>\d+)F(?P<field>\d+)L\d+A\d+Z(?P<section>\d+)C(?P<channel>\d+)"
    ),
    "CQ1": r"W(?P<well>\d+)F(?P<field>\d+)T(?P<time>\d+)Z(?P<section>\d+)C(?P<channel>\d+)",
    "MetaXpress": PLATE + WELL + r"(?:_s(?P<field>\d+))?_w(?P<channel>\d[^_]*?)" + UUID,
    "MetaMorph": r"(?P<stem>.+?)_w(?P<channel>\d[^_]*?)(?:_s(?P<field>\d+))?(?:_t(?P<time>\d+))?",
    "IN Cell Analyzer": (
        r"(?P<row>[A-P]) - (?P<column>\d+)\(fld (?P<field>\d+) wv (?P<channel>[^)]+?)"
        r"(?: z (?P<section>\d+))?\)"
    ),
    "Micro-Manager": (
        r"img_channel(?P<channel>\d+)_position(?P<field>\d+)_time(?P<time>\d+)_z(?P<section>\d+)"
    ),
    "Micro-Manager 1.4": r"img_(?P<time>\d{9})_(?P<channel>.+)_(?P<section>\d{3})",
    "Cellomics": r"(?P<plate>.+?)_" + WELL + r"f(?P<field>\d+)d(?P<channel>\d+)",
    "Gen5": (WELL + r"_-?\d+_\d+_(?P<field>\d+)(?:Z(?P<section>\d+))?_(?P<channel>[A-Z][^_]*)_(?P<time>\d+)"),
    "Incucyte": (
        PLATE + r"(?P<channel>(?!VID\d)[^_]+)(?:_(?P<stem>VID\d+))?_" + WELL + r"_(?P<field>\d+)_"
        r"(?P<time>(?:\d+y\d+m)?\d+d_?\d+h\d+m)"
    ),
    "Opera": (
        r"(?P<row>\d{3})(?P<column>\d{3})-(?P<time>\d+)-(?P<field>\d{3})(?P<section>\d{3})(?P<channel>\d{3})"
    ),
    "ZEN": (
        r"(?P<stem>.+?)_(?=[^_]*c\d+[^_]*_ORG)(?:c(?P<channel>\d+)|s(?P<field>\d+)|t(?P<time>\d+)|"
        r"z(?P<section>\d+)|[bhmrv]\d+)+_ORG"
    ),
    "NIS-Elements": (
        r"(?P<stem>.*?)(?:t(?P<time>\d+))?xy(?P<field>\d+)(?:z(?P<section>\d+))?c(?P<channel>\d+)"
    ),
    "Olympus FluoView": (r"(?P<stem>.+?)_C(?P<channel>\d{3})(?:Z(?P<section>\d{3}))?(?:T(?P<time>\d{3}))?"),
    "Fiji": r"C(?P<channel>\d+)-(?P<stem>.+)",
    "well, field, channel": PLATE + WELL + r"_[sf]?(?P<field>\d+)_(?P<channel>[^_]+)",
    "numbered channels": r"(?P<stem>.+?)[_-](?P<channel>(?:ch|c|channel)=?\d{1,2})",
    "named channels": rf"(?P<stem>.+?)[_ -](?P<channel>{DYE})",
    "channels named first": rf"(?P<channel>{DYE})[_ -](?P<stem>.+)",
}

LAYOUTS = tuple(Layout(name, re.compile(text, re.IGNORECASE)) for name, text in PATTERNS.items())
"""The most particular first."""

STEPS = re.compile(r"(?P<kind>TimePoint|ZStep)_(?P<number>\d+)$", re.IGNORECASE)
"""Folders of MetaXpress for time points and sections; no classes."""

POSITION = re.compile(r"(?:\d+-)?Pos_?(?P<number>\d[\d_]*)", re.IGNORECASE)
"""Folders of Micro-Manager for positions."""

CHANNEL_FOLDER = re.compile(
    rf"(?:{DYE}|red|green|blue|yellow|cyan|magenta|(?:ch|c|w|channel)[ _]?\d{{1,2}})", re.IGNORECASE
)
"""Names of folders that hold one channel each."""

PASSED_OVER = re.compile(
    r".+(?P<what>_cp_masks|_cp_outlines|_cp_output|_cp_flows|_flows|_seg|_masks?|[._]labels?|_overlay|_preview|"
    r"[_-](?:Simple[ _]Segmentation|Object[ _]Predictions|Object[ _]Identities|Probabilities)|_thumb"
    + UUID
    + r")\.[^.]+$",
    re.IGNORECASE,
)
"""Files that programs leave beside images: masks, outlines, previews, and what ilastik writes."""

IMAGES = ("images", "image", "imgs", "img", "raw")
MASKS = ("masks", "mask", "labels", "label", "segmentation", "segmentations", "seg", "annotations", "gt")
"""Folders of images, and of label images beside them; no classes."""

PROJECTIONS = ("projection", "projections", "mip", "mips")
"""Folders of what microscopes make of the images beside them; no classes."""

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "holdout")
"""Folders above class folders."""
