"""The models of a partition's tenants: those used last are in memory, those of others wait in the store."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Models = TypeVar("Models")


class InMemory(Generic[Models]):
    """By tenant, the one used last at the end."""

    def __init__(self, most: int, read: Callable[[str], Models], is_written: Callable[[str], bool]) -> None:
        """Keep `most` of them; `read` brings one back, and one that `is_written` may go."""
        self._most = most
        self._read = read
        self._is_written = is_written
        self._models: OrderedDict[str, Models] = OrderedDict()

    def __len__(self) -> int:
        return len(self._models)

    @property
    def room(self) -> int:
        """Return how many more there may be; below 0 while there are too many."""
        return self._most - len(self._models)

    def of(self, tenant: str) -> Models:
        """Return a tenant's models, read back where they wait in the store."""
        models = self._models.get(tenant)
        if models is None:
            return self.put(tenant, self._read(tenant))
        self._models.move_to_end(tenant)
        return models

    def put(self, tenant: str, models: Models) -> Models:
        """Take the models of a tenant in, and return them."""
        self._models[tenant] = models
        return models

    def shrink(self) -> None:
        """Let go of those beyond the bound that were used the longest ago. Call it when a snapshot is stored."""
        while self.room < 0:
            tenant = next(iter(self._models))
            if not self._is_written(tenant):
                return
            del self._models[tenant]
