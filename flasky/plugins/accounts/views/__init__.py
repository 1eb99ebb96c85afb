"""The pages of this plug-in."""
