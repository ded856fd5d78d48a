"""The rulebook: every numbered rule in force, readable by whoever may see approvals."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from portal.edge.tenancy import needs
from remediation.sod import rulebook

app_name = "rules"


@require_GET
@needs("approvals.view")
def table(request: HttpRequest) -> HttpResponse:
    """All families with their rules; `#S-07` is the place of one."""
    return render(request, "rules/rulebook.html", {"families": rulebook.families()})


urlpatterns = [path("settings/rules", table, name="rulebook")]
