"""Our own frames yield the facts that stand beside them."""

import pytest

from drivers import DRIVERS
from tests.conformance.cases import VECTORS, Vector, described


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vector_yields_its_facts(vector: Vector) -> None:
    assert described(vector.driver, vector.data) == vector.facts


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_has_healthy_and_damaged_vectors(name: str) -> None:
    assert {vector.damaged for vector in VECTORS if vector.driver.name == name} == {False, True}
