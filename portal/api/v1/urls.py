"""The addresses of API version 1. Nouns bring their own urlpatterns."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

_nouns: list = [
    path("", include("portal.api.v1.access")),
    path("", include("portal.api.v1.evidence")),
    path("", include("portal.api.v1.uploads")),
    path("", include("portal.api.v1.findings")),
    path("", include("portal.api.v1.tasks")),
    path("", include("portal.api.v1.approvals")),
    path("", include("portal.api.v1.delegations")),
    path("", include("portal.api.v1.emergency")),
    path("", include("portal.api.v1.reading")),
    path("", include("portal.api.v1.imports")),
    path("", include("portal.api.v1.jobs")),
    path("", include("portal.api.v1.engagements")),
    path("", include("portal.api.v1.packages")),
    path("", include("portal.api.v1.package_delivery")),
    path("", include("portal.api.v1.rules")),
    path("", include("portal.api.v1.identities")),
    path("", include("portal.api.v1.duties")),
    path("", include("portal.api.v1.sessions")),
    path("", include("portal.api.v1.access_reviews")),
    path("", include("portal.api.v1.role_requests")),
]

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(permission_classes=[], authentication_classes=[]), name="schema"),
    path("organizations/<slug:organization>/", include(_nouns)),
]
