"""The plug-ins that ship with Flasky, registered by the same means as a stranger's."""
