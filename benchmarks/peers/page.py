"""What the pages of the peers have in common: the template, and where the data is."""

from __future__ import annotations

from pathlib import Path

from benchmarks.applications import blog_settings

PER_PAGE = 20

#: Jinja2, for Flask and FastAPI. Each framework is given the same markup.
TEMPLATE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Flasky</title>
  <link rel="stylesheet" href="/static/bootstrap.min.css">
  <link rel="stylesheet" href="/static/styles.css">
</head>
<body>
  <nav class="navbar"><div class="container"><a class="navbar-brand" href="/">Flasky</a>
    <ul class="navbar-nav"><li><a href="/">Home</a></li><li><a href="/search">Search</a></li></ul></div></nav>
  <main class="container">
  <h1>Posts</h1>
  <ol class="posts">
    {% for post in posts %}
    <li class="post" id="post-{{ post.id }}">
      <article>
        {% if post.title %}<h2><a href="{{ post_url(post.id) }}">{{ post.title }}</a></h2>{% endif %}
        <div class="post-by">
          <a href="{{ user_url(post.author.username) }}" class="post-author">{{ post.author.username }}</a>
          <a href="{{ post_url(post.id) }}" class="post-time"><time datetime="{{ post.listed_at.isoformat() }}">{{ post.listed_at.strftime("%d %b %Y, %H:%M:%S") }}</time></a>
        </div>
        <div class="post-text">{{ post.summary|safe }}</div>
        <div class="post-foot">
          <a href="{{ post_url(post.id) }}#comments">{{ count(post) }} comments</a>
          {% for tag in post.tag_names.split() %}<a href="{{ tag_url(tag) }}" class="post-tag">#{{ tag }}</a>{% endfor %}
        </div>
      </article>
    </li>
    {% endfor %}
  </ol>
  <nav class="pager">{% if has_next %}<a href="/?page=2">Older</a>{% endif %}</nav>
  </main>
  <footer>Flasky</footer>
</body>
</html>
"""  # noqa: E501 - markup


def database_url(folder: Path) -> str:
    """SQLAlchemy's address of the data: the one that Flasky reads."""
    url = blog_settings(folder)["sqlalchemy.url"]
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
