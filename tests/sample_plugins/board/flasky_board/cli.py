"""`flasky board`."""

import click


@click.group()
def board():
    """Look after the board."""
