"""The conformance suite: what a plug-in promises (docs/plugins/contract.md), each promise a rule that can be checked.

`flasky plugin check NAME` runs it, and so does pytest in the plug-in's own distribution (`flasky.testing.conformance`).
"""
