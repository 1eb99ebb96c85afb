"""Templates that take the place of one another: a later plug-in's before an earlier one's, the site's before all.

A template that names itself in `extends`, `include`, `import` or `from` means the one of that name behind it: it can
extend what it overrides without knowing whose that is, and several plug-ins can do so one upon another. (The names
relative to a parent of pyramid_jinja2 2.10 cannot say this: it skips a template that names itself, and then finds
none at all.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from jinja2 import Environment, TemplateNotFound
from pyramid_jinja2 import SmartAssetSpecLoader

#: No file name holds a NUL, so nobody's template is called like this.
_BEHIND = "\0behind "

Source = tuple[str, str | None, Callable[[], bool] | None]


def behind(name: str, depth: int) -> str:
    """The name by which the environment knows the template that is `depth` places behind the first called `name`."""
    return f"{name}{_BEHIND}{depth}" if depth else name


def split_name(name: str | None) -> tuple[str, int]:
    """The plain name of a template, and how many others of that name stand before it."""
    plain, _, depth = (name or "").partition(_BEHIND)
    return plain, int(depth or 0)


def join_path(template: str, parent: str | None) -> str:
    """What the template `parent` means by `template`: the one of that name, or the one behind it if that is itself.

    Names are never relative to the parent's folder: one name means one template wherever it stands, and it is
    compiled once.
    """
    plain, depth = split_name(parent)
    return behind(template, depth + 1) if template == plain else template


def files_called(folders: Iterable[str | Path], name: str) -> list[Path]:
    """Every file of that name in `folders`: the first one wins, the others are behind it."""
    found = (Path(folder, name) for folder in folders)
    return [file for file in found if file.is_file()]


class OverridingLoader(SmartAssetSpecLoader):  # type: ignore[misc]
    """Finds templates by name in the search path, those behind another one too, and asset specifications."""

    def get_source(self, environment: Environment, template: str) -> Source:
        """The text of `template`, its file, and a function that tells whether it is still up to date."""
        name, depth = split_name(template)
        if not depth:
            source: Source = super().get_source(environment, name)
            return source
        # With a slash in front, or with two dots, it would leave the folders: the first of all refuses such names.
        super().get_source(environment, name)
        files = files_called(self.searchpath, name)
        if len(files) <= depth:
            message = f"{name} names itself, which means the template behind it, and there is none"
            raise TemplateNotFound(name, message)
        text: Source = self._get_absolute_source(str(files[depth]))
        return text


def arrange(environment: Environment, site: Path | None, plugins: Iterable[Path], last: Path) -> None:
    """Let `environment` look for templates in the right order, and understand templates that name themselves.

    `site` is the site's own folder, which comes first; `plugins` are the folders of the packages of the plug-ins in
    their one order, of which the last comes first; `last` is the kernel's folder.
    """
    former = environment.loader
    folders = [Path(folder) for folder in former.searchpath]  # type: ignore[union-attr]
    packages = list(plugins)

    def place(folder: Path) -> int:
        # A plug-in's package may lie in another's: the innermost counts.
        owners = [package for package in packages if folder.is_relative_to(package)]
        return packages.index(max(owners, key=lambda package: len(package.parts))) if owners else -1

    ordered = sorted((folder for folder in folders if folder != last), key=place, reverse=True)
    search = [*([site] if site else []), *ordered, last]
    loader = OverridingLoader(
        [str(folder) for folder in dict.fromkeys(search)],
        encoding=former.encoding,  # type: ignore[union-attr]
        debug=former.debug,  # type: ignore[union-attr]
    )
    environment.loader = loader
    environment.join_path = join_path  # type: ignore[method-assign]
