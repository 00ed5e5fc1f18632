"""`hub forms`: what to put into a page of a site to show a form of the hub."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.screen import Chosen
from hub.config import HubConfig, connection_config
from hub.connectors.form_settings import FormSettings
from hub.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="What to put into a page of your site to show a form.")


@app.callback()
def forms() -> None:
    """What to put into a page of your site to show a form."""


@app.command()
def snippet(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CONNECTION", help="Of a form that is not signed.")],
    html: Annotated[bool, typer.Option("--html", help="A plain form, without script.")] = False,
    lang: Annotated[str | None, typer.Option("--lang", metavar="xx", help="Default: the form's own.")] = None,
) -> None:
    """Print the lines that show a form on a site of yours, by a script or as a plain form."""
    from hub.web.form_snippet import plain_form, script_lines

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    settings = _form(config, name)
    language = lang or settings.language
    if language not in settings.languages:
        raise ConfigError(f"The form {name} is not in {language!r}, but in {', '.join(settings.languages)}.")
    url = config.web.url or f"http://{config.web.host}:{config.web.port}"
    if html:
        typer.echo(plain_form(url, name, settings, language), nl=False)
        return
    if not settings.origins:
        raise ConfigError(
            f"The form {name} names no site that may show it. Nothing was printed. Set `origins`, such as "
            "[https://www.example.org]; or take --html."
        )
    typer.echo(script_lines(url, name, settings, language), nl=False)


def _form(config: HubConfig, name: str) -> FormSettings:
    connection = connection_config(config, name)
    if connection.type != "form":
        raise ConfigError(f"The connection {name} is no form. `hub check` lists what there is.")
    settings = FormSettings.model_validate(dict(connection.settings))
    if settings.signature != "none":
        raise ConfigError(f"The form {name} is signed: no browser can send it, so it is shown on no page.")
    return settings
