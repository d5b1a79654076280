"""What would become of the first rows of an upload if it were started now. Stage: clean.

Reads: the stored file. Writes nothing.
"""

from django.utils import timezone

from audience import uploads
from audience.cleaning import Cleaner
from audience.columns import Mapping
from audience.decoding import decode
from audience.layouts import LINE, Layout
from audience.models import Import
from audience.options import Options
from audience.quality import QualityReport, Tally

NUM_ROWS = 1_000
_BLOCK_BYTES = 1 << 18


def rehearse(batch: Import, preset: str, mapping: Mapping, options: Options) -> QualityReport:
    """The report of the first rows alone: those set aside by reason, missing cells, unknown words for actions."""
    layout, tally = Layout.from_json(batch.layout), Tally(mapping)
    with uploads.local_copy(batch.file) as path:
        chunk = next(decode(path, layout, block_bytes=_BLOCK_BYTES), None)
    if chunk is not None:
        frame = chunk.frame.head(NUM_ROWS)
        last_line = frame[LINE].max() if chunk.frame.height > NUM_ROWS else None
        unreadable = [row for row in chunk.rejected if last_line is None or row.line <= last_line]  # type: ignore[operator]  # a line number
        tally.reject(unreadable)
        tally.reject(Cleaner(layout, preset, mapping, options, timezone.now(), tally).clean(frame).rejected)
        tally.report.rows = frame.height + len(unreadable)
    return tally.finish()
