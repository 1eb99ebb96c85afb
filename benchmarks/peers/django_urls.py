"""Django's models, view and addresses; imported once Django is configured."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from benchmarks.peers.page import PER_PAGE


class User(models.Model):
    """A member."""

    username = models.CharField(max_length=64)
    email = models.CharField(max_length=254, null=True)
    name = models.CharField(max_length=64)
    location = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "peers"
        db_table = "users"
        managed = False


class Post(models.Model):
    """A post."""

    author = models.ForeignKey(User, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    body = models.TextField()
    summary = models.TextField()
    tag_names = models.TextField()
    listed_at = models.DateTimeField()

    class Meta:
        app_label = "peers"
        db_table = "posts"
        managed = False

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return self.tag_names.split()


class Comment(models.Model):
    """A comment."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE)

    class Meta:
        app_label = "peers"
        db_table = "comments"
        managed = False


def index(request: HttpRequest) -> HttpResponse:
    """The newest posts."""
    posts = (
        Post.objects.filter(listed_at__isnull=False)
        .select_related("author")
        .annotate(number=models.Count("comment"))
        .order_by("-listed_at", "-id")
    )
    page = Paginator(posts, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "index.html", {"posts": page.object_list, "has_next": page.has_next()})


def other(_request: HttpRequest, **_parts: Any) -> HttpResponse:
    """A page that is only linked to."""
    return HttpResponse("ok")


urlpatterns = [
    path("", index),
    path("post/<int:post_id>", other, name="post"),
    path("user/<path:username>", other, name="user"),
    path("tag/<str:name>", other, name="tag"),
]
