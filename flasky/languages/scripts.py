"""Scripts, and how they are written."""

from __future__ import annotations

#: Characters of scripts that are written without blanks (Chinese, Japanese, Korean), to stand in a class of a pattern.
UNSPACED_CHARACTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
