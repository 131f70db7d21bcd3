"""Channels to which changes of KPIs are told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kpilayer.model.names import Definition, Name


class Alert(Definition):
    """A webhook that is told where a KPI gets worse, is not acted on, or recovers."""

    name: Name
    """Its name."""
    shape: Literal["slack", "teams", "json"]
    """What it takes: messages of Slack, of Teams' workflows, or plain JSON."""
    url_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The environment variable with its address, which stands in no file."""
    at_least: Literal["warning", "breach"] = "warning"
    """From which status on."""
    groups: tuple[Name, ...] = ()
    """Only KPIs of these groups."""
    kpis: tuple[Name, ...] = ()
    """Only these KPIs."""
    heartbeat: bool = False
    """Whether the first run of each day says how many KPIs were judged."""
    link: str | None = None
    """Where people read on; `{kpi}` is the KPI's name: `https://kpis.example.com/#/k/{kpi}`."""
