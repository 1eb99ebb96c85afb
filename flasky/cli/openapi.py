"""The command `flasky openapi`: what the site's plug-ins offer to programs."""

# ruff: noqa: PLC0415 - Pyramid is imported when a command needs the site, not to list commands.

from __future__ import annotations

import json

import click

from flasky.cli.context import Context, pass_context


@click.command()
@pass_context
def openapi(context: Context) -> None:
    """Print the OpenAPI document of every API resource of the site, as JSON."""
    from flasky.api_resources import openapi_document

    click.echo(json.dumps(openapi_document(context.registry), indent=2, ensure_ascii=False))
