from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from apps.django_site import views

urlpatterns = [
    path("login", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("watchlist/", views.watchlist, name="watchlist"),
    path("watchlist/add", views.add, name="add"),
    path("watchlist/<int:movie_id>/", views.movie, name="movie"),
    path("watchlist/<int:movie_id>/cross-off", views.cross_off, name="cross_off"),
    path("watchlist/<int:movie_id>/rate", views.rate, name="rate"),
]
