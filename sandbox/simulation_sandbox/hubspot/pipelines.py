"""The pipelines of one object type in one account, and their stages: where a deal may stand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulation_core.clock import iso_ms, now_ms
from simulation_sandbox.hubspot.answers import ApiError, Json, invalid, not_found
from simulation_sandbox.hubspot.owners import SINCE_MS
from simulation_sandbox.hubspot.standard_properties import DEAL_STAGES


@dataclass
class Stage:
    id: str
    label: str
    display_order: int
    metadata: dict[str, str]
    created_ms: int = field(default_factory=now_ms)
    updated_ms: int = field(default_factory=now_ms)

    def as_json(self) -> Json:
        return _dated(self) | {"metadata": self.metadata, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT"}


@dataclass
class Pipeline:
    id: str
    label: str
    display_order: int
    stages: dict[str, Stage]
    created_ms: int = field(default_factory=now_ms)
    updated_ms: int = field(default_factory=now_ms)

    def as_json(self) -> Json:
        return _dated(self) | {"stages": [stage.as_json() for stage in self.stages.values()]}

    def stage(self, stage_id: str) -> Stage:
        if stage_id not in self.stages:
            raise not_found(f"Pipeline stage {stage_id} does not exist in pipeline {self.id}.")
        return self.stages[stage_id]


def _dated(one: Stage | Pipeline) -> Json:
    return {
        "id": one.id,
        "label": one.label,
        "displayOrder": one.display_order,
        "archived": False,
        "createdAt": iso_ms(one.created_ms),
        "updatedAt": iso_ms(one.updated_ms),
    }


class Pipelines:
    """Of deals: the sales pipeline every account has, and what was made since. `changed` is called after each change."""

    def __init__(self, type_name: str, changed: Callable[[], None] = lambda: None) -> None:
        self.by_id: dict[str, Pipeline] = {}
        self._type_name = type_name
        self._changed = changed
        self._ids = itertools.count(9_000_001)
        if type_name == "deals":
            self.by_id["default"] = Pipeline("default", "Sales Pipeline", 0, _sales_stages(), SINCE_MS, SINCE_MS)

    def get(self, pipeline_id: str) -> Pipeline:
        if pipeline_id not in self.by_id:
            raise not_found(f"Pipeline {pipeline_id} does not exist.")
        return self.by_id[pipeline_id]

    def create(self, wanted: Any) -> Pipeline:
        if self._type_name != "deals":
            raise invalid(f"Pipelines are not supported for {self._type_name}.")
        _require(wanted, "label", "displayOrder", "stages")
        pipeline_id = str(wanted.get("pipelineId") or next(self._ids))
        if pipeline_id in self.by_id:
            raise ApiError(409, "CONFLICT", f"Pipeline {pipeline_id} already exists.")
        made = Pipeline(pipeline_id, wanted["label"], wanted["displayOrder"], {})
        for given in wanted["stages"]:
            self._add_stage(made, given)
        self.by_id[pipeline_id] = made
        self._changed()
        return made

    def update(self, pipeline_id: str, changes: Any, *, whole: bool = False) -> Pipeline:
        """`whole`: the stages named replace those there are."""
        known = self.get(pipeline_id)
        if whole:
            _require(changes, "label", "displayOrder", "stages")
            before, known.stages = known.stages, {}
            try:
                for given in changes["stages"]:
                    self._add_stage(known, given)
            except ApiError:
                known.stages = before
                raise
        _change(known, changes)
        self._changed()
        return known

    def archive(self, pipeline_id: str) -> None:
        self.get(pipeline_id)
        del self.by_id[pipeline_id]
        self._changed()

    def create_stage(self, pipeline_id: str, wanted: Any) -> Stage:
        made = self._add_stage(self.get(pipeline_id), wanted)
        self._changed()
        return made

    def update_stage(self, pipeline_id: str, stage_id: str, changes: Any, *, whole: bool = False) -> Stage:
        known = self.get(pipeline_id).stage(stage_id)
        _require(changes, "metadata", *(("label", "displayOrder") if whole else ()))
        known.metadata = _metadata(changes)
        _change(known, changes)
        return known

    def archive_stage(self, pipeline_id: str, stage_id: str) -> None:
        known = self.get(pipeline_id)
        known.stage(stage_id)
        del known.stages[stage_id]
        self._changed()

    def refuse_astray(self, pipeline_id: str | None, stage_id: str | None) -> tuple[str, str] | None:
        """Why a deal can't be there, as (error, message): its stage is one of another pipeline."""
        pipeline = self.by_id.get(pipeline_id or "")
        if pipeline is None or stage_id is None or stage_id in pipeline.stages:
            return None
        return "INVALID_OPTION", f"{stage_id} was not one of the allowed options: [{', '.join(pipeline.stages)}]"

    def _add_stage(self, pipeline: Pipeline, given: Any) -> Stage:
        _require(given, "label", "displayOrder", "metadata")
        stage_id = str(given.get("stageId") or next(self._ids))
        if any(stage_id in each.stages for each in (*self.by_id.values(), pipeline)):
            raise ApiError(409, "CONFLICT", f"Pipeline stage {stage_id} already exists.")
        pipeline.stages[stage_id] = Stage(stage_id, given["label"], given["displayOrder"], _metadata(given))
        return pipeline.stages[stage_id]


def _require(given: Any, *names: str) -> None:
    if not isinstance(given, dict):
        raise invalid("Invalid input JSON: an object is expected")
    if missing := [name for name in names if given.get(name) is None]:
        raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")


def _metadata(given: Json) -> dict[str, str]:
    """A deal's stage says how likely it is to be won; 1.0 and 0.0 close it."""
    probability = str(given["metadata"].get("probability", ""))
    try:
        likely = float(probability)
    except ValueError:
        likely = -1.0
    if not 0 <= likely <= 1:
        raise invalid("A stage of a deal pipeline needs a probability from 0.0 to 1.0 in its metadata.")
    closed = {"isClosed": "true" if likely in (0.0, 1.0) else "false"}
    return closed | {name: str(value) for name, value in given["metadata"].items()}


def _change(known: Stage | Pipeline, changes: Any) -> None:
    known.label = changes.get("label", known.label)
    known.display_order = changes.get("displayOrder", known.display_order)
    known.updated_ms = now_ms()


def _sales_stages() -> dict[str, Stage]:
    def stage(order: int, name: str) -> Stage:
        won, lost = name == "closedwon", name == "closedlost"
        probability = "1.0" if won else "0.0" if lost else str(round(0.2 + 0.15 * order, 2))
        closed = "true" if won or lost else "false"
        return Stage(name, name.capitalize(), order, {"isClosed": closed, "probability": probability}, SINCE_MS, SINCE_MS)

    return {name: stage(order, name) for order, name in enumerate(DEAL_STAGES)}
