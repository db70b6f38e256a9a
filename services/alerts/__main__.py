"""Run the service: `python -m services.alerts`."""

import os
import sys
from functools import partial

from closecast.platform.alerts.sinks.settings import routes, sink
from closecast.platform.runtime import logs
from closecast.platform.runtime.stopping import stop_event
from closecast.platform.settings import SettingsError
from services.alerts.certificate import shown_by
from services.alerts.pages import serve
from services.alerts.settings import Settings
from services.alerts.status import AlertsStatus
from services.alerts.work import Deliverer, Planner, Watch


def main() -> None:
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"alerts: {error}")
    stop = stop_event()
    url, status = settings.database.url, AlertsStatus()
    watch = Watch(
        url,
        settings.rules,
        status,
        certificate=partial(shown_by, settings.gateway),
        expects_metrics=settings.expects_metrics,
    )
    server = serve(settings.host, settings.port, status, settings.token, watch.take)
    workers = [
        Planner(url, settings.rules, routes(settings.sinks), status).worker(),
        watch.worker(),
        *(Deliverer(url, sink(one), status).worker() for one in settings.sinks),
    ]
    for worker in workers:
        worker.start()
    stop.wait()
    server.shutdown()
    for worker in workers:
        worker.stop()


if __name__ == "__main__":
    main()
