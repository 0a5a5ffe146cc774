from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.django_site.models import Movie


class AddForm(forms.ModelForm):
    class Meta:
        model = Movie
        fields = ("title",)


class RatingForm(forms.Form):
    rating = forms.IntegerField(min_value=1, max_value=5)


@login_required
def watchlist(request):
    movies = Movie.objects.filter(owner=request.user, watched_at=None).order_by("-added_at", "-id")
    page = Paginator(movies, 50).get_page(request.GET.get("page"))
    return render(request, "watchlist.html", {"page": page, "form": AddForm()})


@require_POST
@login_required
def add(request):
    form = AddForm(request.POST, instance=Movie(owner=request.user))
    if form.is_valid():
        messages.success(request, f"Added {form.save().title}.")
    return redirect("watchlist")


@login_required
def movie(request, movie_id):
    own = get_object_or_404(Movie, id=movie_id, owner=request.user)
    return render(request, "movie.html", {"movie": own, "form": RatingForm()})


@require_POST
@login_required
def cross_off(request, movie_id):
    own = get_object_or_404(Movie, id=movie_id, owner=request.user)
    own.watched_at = timezone.now()
    own.save()
    messages.success(request, f"You watched {own.title}.")
    return redirect("watchlist")


@require_POST
@login_required
def rate(request, movie_id):
    own = get_object_or_404(Movie, id=movie_id, owner=request.user)
    form = RatingForm(request.POST)
    if form.is_valid():
        own.rating = form.cleaned_data["rating"]
        own.save()
        messages.success(request, f"You rated {own.title}.")
    return redirect("movie", movie_id)
