"""Flask; importing it imports telemetry_actors and no more."""

from flask import Flask

from tests.hosts.apps.work import durable, hold, who, work

app = Flask(__name__)
app.add_url_rule("/who", view_func=who)
app.add_url_rule("/durable", view_func=durable)
app.add_url_rule("/work/<app_id>", view_func=work)
app.add_url_rule("/hold/<app_id>", view_func=hold)
