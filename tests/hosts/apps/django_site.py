"""The smallest Django project, for WSGI servers."""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.hosts.apps.work import hold, who, work

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none", USE_TZ=True, MIDDLEWARE=[]
)
django.setup()


def _view(answer):
    def view(request: HttpRequest, **named: str) -> HttpResponse:
        return HttpResponse(answer(**named), content_type="text/plain")

    return view


urlpatterns = [
    path("who", _view(who)),
    path("work/<app_id>", _view(work)),
    path("hold/<app_id>", _view(hold)),
]
app = get_wsgi_application()
