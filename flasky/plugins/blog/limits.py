"""The limits of what members write: one number for the form, the service and the column (INP-07); and how often."""

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
#: How many a list for programs has at most.
MOST_LISTED = 100
#: The random key of a form that is about to be sent (CON-03).
LONGEST_KEY = 43
#: The largest number of an Integer column.
LARGEST_ID = 2**31 - 1

#: How often one member may do something (RTE-02), where the site's settings (`blog.posts_per_hour`) say nothing else.
RATES = {
    "posts_per_hour": 30,
    "posts_per_day": 100,
    "comments_per_hour": 60,
    "comments_per_day": 300,
    "edits_per_hour": 120,
    "follows_per_hour": 60,
    "follows_per_day": 300,
    "reports_per_hour": 20,
    "previews_per_minute": 30,
    "searches_per_second": 5,
}
