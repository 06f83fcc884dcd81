"""get_file: the text of a file that was handed over with the template."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong
from global_heat.template.source import file_name
from global_heat.template.values import kind_of


def get_file(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """The name is a key of the files handed over; no file system and no network is looked at."""
    name = evaluation.resolve(arguments, at)
    if isinstance(name, Unknown):
        return name
    if not isinstance(name, str):
        raise Wrong(f"expected a file's name, found {kind_of(name)}", late=True)
    key = file_name(name, evaluation.scope.files)
    if key is None:
        raise Wrong(f'there is no file "{name}" among those handed over; send it along', late=True)
    return evaluation.scope.files[key]
