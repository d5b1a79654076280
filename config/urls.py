"""Every address of the site. Brand pages are `/b/<brand>/…`; the middleware enters the brand's scope."""

from django.urls import URLPattern, URLResolver, include, path

from config import checks  # noqa: F401  # registers the deployment checks

brand_pages: list[URLPattern | URLResolver] = [
    path("", include("campaigns.urls")),
    path("", include("audience.urls")),
    path("segments/", include("campaigns.segments.urls")),
    path("catalog/", include("catalog.urls")),
    path("tracking/", include("connectors.tracking.urls")),
    path("channels/", include("connectors.urls")),
    path("models/", include("modeling.urls")),
    path("recommendations/", include("recommendations.urls")),
    path("settings/", include("accounts.brand_urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("language/", include("django.conf.urls.i18n")),
    path("pictures/", include("catalog.public_urls")),
    path("", include("connectors.tracking.public_urls")),
    path("hooks/", include("connectors.public_urls")),
    path("wx/", include("connectors.login_urls")),
    path("api/", include("config.api")),
    path("b/<slug:brand>/", include(brand_pages)),
]

handler404 = "config.api.answer_not_found"
