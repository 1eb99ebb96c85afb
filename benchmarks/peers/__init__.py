"""The home page of the blog in other frameworks: small, and written as their own tutorials write it.

Each reads the database that Flasky has, on SQLite or PostgreSQL, and shows the same twenty posts: author, time, text,
tags, number of comments.
"""
