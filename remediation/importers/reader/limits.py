"""The sizes beyond which a file is refused; a refusal names the limit and the place."""

MB = 1024 * 1024

FILE_BYTES = 512 * MB
VALUE_BYTES = 16 * MB
"""One JSON value or one line of a table."""
CELL_CHARS = 1 * MB
COLUMNS = 500
TABLE_ROWS = 1_200_000
BLANK_ROWS = 10_000
JSON_DEPTH = 200

ZIP_ENTRIES = 2_000
ZIP_TOTAL_BYTES = 512 * MB
ZIP_RATIO = 150
ZIP_RATIO_FROM_BYTES = 1 * MB
"""Below this size a high ratio is no danger: a sheet of one repeated word compresses well."""

MEMORY_BYTES = 768 * MB
CPU_SECONDS = 300
WAIT_SECONDS = 120
"""How long the child may say nothing while the parent waits for it."""

TITLE_CHARS = 300
TEXT_CHARS = 20_000
NAME_CHARS = 200
TOOL_CHARS = 80
PLACE_CHARS = 500
RAW_VALUE_CHARS = 500
RAW_KEYS = 40
ROW_ERRORS = 200
"""After so many rows in error the rest of the file is not read: the file is refused either way."""

PLAN_ITEMS = 50_000
"""Items of one plan of action: its risks are held while its items are read."""
PLAN_TEXT_CHARS = 40_000
"""More than a cell of a workbook holds, so that no text of a workbook is cut a second time."""
MILESTONES = 100
MILESTONE_CHARS = 500
