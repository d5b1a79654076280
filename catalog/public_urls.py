"""Pictures of items, for everybody who holds a signed address (WeChat shows them outside the site)."""

from django.urls import path

from catalog import public_views

app_name = "pictures"
urlpatterns = [path("<str:token>/", public_views.picture, name="picture")]
