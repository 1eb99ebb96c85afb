"""The limits of what members write: one number for the form, the service and the column (INP-07)."""

from __future__ import annotations

#: Characters. Markdown of this length renders well under a second whatever its shape (XSS-03, P27).
LONGEST_TITLE = 200
LONGEST_BODY = 30_000
LONGEST_COMMENT = 5_000
LONGEST_REASON = 500
LONGEST_TAG = 30
MOST_TAGS = 5
#: What fits the field in which tags are typed, and the column that holds them beside the post.
LONGEST_TAGS = MOST_TAGS * (LONGEST_TAG + 2)
LONGEST_QUERY = 100
#: The random key of a form that is about to be sent (CON-03).
LONGEST_KEY = 43
#: The largest number of an Integer column.
LARGEST_ID = 2**31 - 1
