"""The page in Django: select_related for the authors, an annotation for the number of comments, its own paginator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from benchmarks.applications import SECRET
from benchmarks.peers.page import TEMPLATE, database_url

#: The same markup in Django's template language.
_TEMPLATE = (
    TEMPLATE.replace("post_url(post.id)", "x")
    .replace("{{ x }}", "{% url 'post' post.id %}")
    .replace("{{ user_url(post.author.username) }}", "{% url 'user' post.author.username %}")
    .replace("{{ tag_url(tag) }}", "{% url 'tag' tag %}")
    .replace('{{ post.listed_at.strftime("%d %b %Y, %H:%M:%S") }}', '{{ post.listed_at|date:"d M Y, H:i:s" }}')
    .replace("{{ post.listed_at.isoformat() }}", '{{ post.listed_at|date:"c" }}')
    .replace("{{ count(post) }}", "{{ post.number }}")
    .replace("post.tag_names.split()", "post.tags")
)
#: Compiled once, as Django does with files.
_LOADER = ("django.template.loaders.locmem.Loader", {"index.html": _TEMPLATE})


def _database(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    parts = {"NAME": url.database, "USER": url.username, "PASSWORD": url.password, "PORT": url.port}
    host = url.host or url.query.get("host")
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{key: str(part or "") for key, part in parts.items()},
        "HOST": host or "",
    }


def make(folder: Path) -> Any:
    """The WSGI application."""
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    settings.configure(
        DEBUG=False,
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.peers.django_urls",
        USE_TZ=False,
        DATABASES={"default": {**_database(make_url(database_url(folder))), "CONN_MAX_AGE": None}},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "benchmarks.peers",
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.cached.Loader", [_LOADER])]},
            }
        ],
    )
    django.setup()
    return get_wsgi_application()
