"""The page in FastAPI: synchronous SQLAlchemy as in its tutorial, authors joined, comments counted in one query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.page import PER_PAGE, TEMPLATE, database_url
from benchmarks.peers.tables import Comment, Post


def make(folder: Path) -> Any:
    """The ASGI application."""
    from fastapi import FastAPI, Request
    from fastapi.responses import HTMLResponse
    from jinja2 import Environment
    from sqlalchemy import create_engine, func, select
    from sqlalchemy.orm import Session, joinedload

    app = FastAPI()
    engine = create_engine(database_url(folder))
    template = Environment(autoescape=True).from_string(TEMPLATE)

    def index(request: Request, page: int = 1) -> HTMLResponse:
        with Session(engine) as session:
            listed = (
                select(Post)
                .where(Post.listed_at.is_not(None))
                .options(joinedload(Post.author))
                .order_by(Post.listed_at.desc(), Post.id.desc())
                .limit(PER_PAGE + 1)
                .offset((page - 1) * PER_PAGE)
            )
            posts = session.scalars(listed).all()
            numbers = dict(
                session.execute(
                    select(Comment.post_id, func.count())
                    .where(Comment.post_id.in_([post.id for post in posts]))
                    .group_by(Comment.post_id)
                ).all()
            )
            return HTMLResponse(
                template.render(
                    posts=posts[:PER_PAGE],
                    has_next=len(posts) > PER_PAGE,
                    count=lambda post: numbers.get(post.id, 0),
                    post_url=lambda post_id: request.url_for("post", post_id=post_id),
                    user_url=lambda username: request.url_for("user", username=username),
                    tag_url=lambda name: request.url_for("tag", name=name),
                )
            )

    # Annotations are text here, and these classes are only known in this function.
    index.__annotations__.update(request=Request, page=int)
    app.get("/", response_class=HTMLResponse, response_model=None)(index)

    @app.get("/post/{post_id}")
    def post(post_id: int) -> int:
        return post_id

    @app.get("/user/{username}")
    def user(username: str) -> str:
        return username

    @app.get("/tag/{name}")
    def tag(name: str) -> str:
        return name

    return app
