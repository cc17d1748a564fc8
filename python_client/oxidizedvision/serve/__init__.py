"""`serve`: models behind HTTP, by the server that is written in Rust."""

from oxidizedvision.serve.options import ServeOptions
from oxidizedvision.serve.plan import ServerPlan, plan_server
from oxidizedvision.serve.report import ServedModel, ServeReport
from oxidizedvision.serve.verb import run_server, serve

__all__ = [
    "ServeOptions",
    "ServeReport",
    "ServedModel",
    "ServerPlan",
    "plan_server",
    "run_server",
    "serve",
]
