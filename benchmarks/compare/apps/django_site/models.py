"""People and their movies. The tables have the names that all the applications use."""

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone


class User(AbstractBaseUser):
    email = models.EmailField(unique=True)
    password = models.CharField(max_length=200)
    USERNAME_FIELD = "email"
    objects = BaseUserManager()

    class Meta:
        db_table = "users"

    def __str__(self):
        return self.email


class Movie(models.Model):
    owner = models.ForeignKey(User, models.CASCADE)
    title = models.CharField(max_length=200)
    year = models.SmallIntegerField(null=True)
    added_at = models.DateTimeField(default=timezone.now)
    watched_at = models.DateTimeField(null=True)
    rating = models.SmallIntegerField(null=True)

    class Meta:
        db_table = "movies"
        indexes = (models.Index("owner", "watched_at", "added_at", "id", name="movies_of_owner"),)

    def __str__(self):
        return self.title
