"""Background jobs: work that a transaction leaves for later, and work that comes round by the clock."""

from __future__ import annotations

from pyramid.config import Configurator

from flasky.jobs import contracts, health, services

__all__ = ["includeme"]


def includeme(config: Configurator) -> None:
    """Add the directives `add_job` and `add_schedule`, what requests have of jobs, and the health check."""
    services.prepare_wake_events(config.registry)
    config.add_extension_point(contracts.JOBS, contracts.add_job)
    config.add_extension_point(contracts.SCHEDULES, contracts.add_schedule)
    config.add_request_method(services.enqueue_for_request, "enqueue")
    config.add_request_method(services.commit_part_of_request, "commit_part")
    config.add_start_check(contracts.faults_of_schedules)
    # Late jobs are no reason to send visitors away from every process of the site at once.
    config.add_health_check("jobs", health.jobs_are_done, vital=False)
