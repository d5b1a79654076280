"""What can be wrong with an upload: errors of the whole file, and reasons for a single row.

Every entry names the fault and the fix. Sentences are gettext sources with `%(name)s` slots, so a stored report reads
in the language of its reader (`common.translation.translated`).
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

from common.errors import BadInput


class UnreadableFile(BadInput):
    """The file as a whole cannot be read; nothing of it was stored."""

    code = "unreadable_file"
    sentence = ""

    def __init__(self, **context: Any) -> None:
        super().__init__(self.sentence, **context)


class EmptyFile(UnreadableFile):
    code = "empty_file"
    sentence = _("The file is empty. Export it again and check that it has a header line and rows.")


class NoRows(UnreadableFile):
    code = "no_rows"
    sentence = _("The file has a header line but no rows below it. Export it again with data.")


class DuplicateHeader(UnreadableFile):
    code = "duplicate_header"
    sentence = _("Two columns have the same name: %(names)s. Rename one of them in the first line and upload again.")


class TooManyColumns(UnreadableFile):
    code = "too_many_columns"
    sentence = _("The file has %(found)s columns; %(limit)s are allowed. Keep only the columns you need.")


class HeaderTooLong(UnreadableFile):
    code = "header_too_long"
    sentence = _("The first line is longer than %(limit)s bytes. Check that the file has line breaks and is a table.")


class NotATable(UnreadableFile):
    code = "not_a_table"
    sentence = _("This is a %(found)s file. Save the table as CSV (UTF-8) or XLSX and upload that.")


class JsonNotLines(UnreadableFile):
    code = "json_not_lines"
    sentence = _("This JSON file is not JSON Lines. Write one object per line, without surrounding brackets.")


class UnknownEncoding(UnreadableFile):
    code = "unknown_encoding"
    sentence = _("The text is neither UTF-8, GB18030 nor UTF-16 (first odd byte at %(offset)s). Save it as UTF-8.")


class ArchiveDamaged(UnreadableFile):
    code = "archive_damaged"
    sentence = _("The compressed file is damaged or cut off. Pack it again, or upload it unpacked.")


class ArchiveEncrypted(UnreadableFile):
    code = "archive_encrypted"
    sentence = _("The archive has a password. Pack it again without one.")


class ArchiveUnsupported(UnreadableFile):
    code = "archive_unsupported"
    sentence = _("The archive uses the packing method “%(method)s”. Pack it again as an ordinary ZIP or GZIP file.")


class ArchiveUnsafe(UnreadableFile):
    code = "archive_unsafe"
    sentence = _("The archive contains the unsafe path “%(name)s”. Pack just the one data file and upload again.")


class ArchiveNotOneFile(UnreadableFile):
    code = "archive_not_one_file"
    sentence = _("The archive contains %(found)s files. Pack exactly one data file per archive.")


class ArchiveNested(UnreadableFile):
    code = "archive_nested"
    sentence = _("The archive contains another archive or a spreadsheet. Upload the inner file itself.")


class ArchiveBomb(UnreadableFile):
    code = "archive_bomb"
    sentence = _("Unpacked, the file grows beyond what is allowed (%(limit)s). Split it, or upload it unpacked.")


class SpreadsheetDamaged(UnreadableFile):
    code = "spreadsheet_damaged"
    sentence = _("The spreadsheet cannot be opened. Save it again as XLSX, or export it as CSV (UTF-8).")


@dataclass(frozen=True)
class Reason:
    """Why a row was set aside, and what the user can do about it."""

    code: str
    title: str
    fix: str


_REASONS = (
    Reason(
        "too_few_cells",
        _("Fewer cells than columns"),
        _("Fill the missing cells or put text that contains line breaks between double quotes."),
    ),
    Reason(
        "too_many_cells",
        _("More cells than columns"),
        _("Put text that contains the separator between double quotes."),
    ),
    Reason(
        "unclosed_quote",
        _("A double quote is never closed"),
        _("Close the quote, or write a quote inside text as two double quotes."),
    ),
    Reason("malformed_row", _("The row cannot be read"), _("Check the quotes of this row and export the file again.")),
    Reason("nul_byte", _("The row contains NUL bytes"), _("Export the file again as plain text (UTF-8).")),
    Reason(
        "bad_encoding",
        _("Characters of another encoding"),
        _("Save the whole file in one encoding, best UTF-8."),
    ),
    Reason("line_too_long", _("The line is too long"), _("Shorten the texts of this row to at most one megabyte.")),
    Reason("bad_json", _("The line is not a JSON object"), _("Write one JSON object per line.")),
    Reason("contact_missing", _("No contact"), _("Fill the column that says whose row this is.")),
    Reason("item_missing", _("No item"), _("Fill the column that says which item this row is about.")),
    Reason("time_missing", _("No time"), _("Fill the time column.")),
    Reason("time_unreadable", _("The time cannot be read"), _("Write times like 2026-11-24 12:00 or as Unix seconds.")),
    Reason(
        "time_impossible",
        _("A time in the future or too long ago"),
        _("Correct the time, or set “earliest time” before you start if the data really is that old."),
    ),
    Reason("kind_missing", _("No kind of action"), _("Fill the action column, or choose one action for all rows.")),
    Reason(
        "kind_unknown",
        _("Unknown kind of action"),
        _("Use one of the known words, such as 阅读, 点赞, 转发, 评论, 收藏, 购买 or view, like, share, purchase."),
    ),
    Reason("id_too_long", _("An id is too long"), _("Use ids of at most 128 characters.")),
    Reason(
        "bot_rate",
        _("More actions in one minute than a person can do"),
        _("Check whether a robot made them; raise “actions per minute” if they are real."),
    ),
    Reason(
        "unknown_item", _("The item is not in the catalog"), _("Import the item table first, or let items be made.")
    ),
)
REASONS: dict[str, Reason] = {reason.code: reason for reason in _REASONS}
