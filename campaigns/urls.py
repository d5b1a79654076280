"""What the brand sees first: home, and its card in the list of brands."""

from django.urls import URLPattern, path

from campaigns import views

app_name = "campaigns"
urlpatterns: list[URLPattern] = [
    path("", views.show_home, name="home"),
    path("card/", views.show_card, name="card"),
    path("pulse/", views.show_pulse, name="pulse"),
    path("steps/<slug:key>/", views.take_step, name="step"),
]
