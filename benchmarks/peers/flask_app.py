"""The page in Flask, the straightforward way: entities, their authors as they are asked for, a count for each post.

As the well-known example application of this name has it, `post.comments.count()`; with FLASKY_BENCHMARK_COUNT=select
the statement is spelt out, which takes SQLAlchemy less.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.peers.page import PER_PAGE, TEMPLATE, database_url
from benchmarks.peers.tables import Comment, Post


def make(folder: Path) -> Any:
    """The WSGI application."""
    from flask import Flask, render_template, request, url_for
    from jinja2 import DictLoader
    from sqlalchemy import create_engine, func, select
    from sqlalchemy.orm import scoped_session, sessionmaker

    app = Flask("peer", static_folder=None)
    app.config["SECRET_KEY"] = "a secret of no site"
    app.jinja_loader = DictLoader({"index.html": TEMPLATE})
    engine = app.extensions["sqlalchemy"] = create_engine(database_url(folder))
    session = scoped_session(sessionmaker(engine))

    def count(post: Post) -> int | None:
        if os.environ.get("FLASKY_BENCHMARK_COUNT") == "select":
            return session.scalar(select(func.count()).where(Comment.post_id == post.id))
        return post.comments.count()

    @app.teardown_appcontext
    def remove_session(_error: BaseException | None = None) -> None:
        session.remove()

    @app.route("/")
    def index() -> str:
        page = request.args.get("page", 1, type=int)
        listed = select(Post).where(Post.listed_at.is_not(None)).order_by(Post.listed_at.desc(), Post.id.desc())
        total = session.scalar(select(func.count()).select_from(Post).where(Post.listed_at.is_not(None)))
        posts = session.scalars(listed.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
        return render_template(
            "index.html",
            posts=posts,
            has_next=total > page * PER_PAGE,
            count=count,
            post_url=lambda post_id: url_for("post", post_id=post_id),
            user_url=lambda username: url_for("user", username=username),
            tag_url=lambda name: url_for("tag", name=name),
        )

    @app.route("/post/<int:post_id>")
    def post(post_id: int) -> str:
        return str(post_id)

    @app.route("/user/<username>")
    def user(username: str) -> str:
        return username

    @app.route("/tag/<name>")
    def tag(name: str) -> str:
        return name

    return app
