"""The test kit: what tests of Flasky, of its plug-ins and of strangers' plug-ins have in common.

Installed as a pytest plug-in; its fixtures are in `flasky.testing.plugin`.
"""
