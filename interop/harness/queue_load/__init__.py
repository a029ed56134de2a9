"""Publishers and consumers of queues that note all they see, and the resource that the consumers work on."""

from harness.queue_load.consumer import Consumer
from harness.queue_load.history import ACK, DELIVERED, NACK, Copy, Delivery, Event, Published, Session
from harness.queue_load.publisher import Publisher
from harness.queue_load.resource import Resource

__all__ = [
    "ACK",
    "DELIVERED",
    "NACK",
    "Consumer",
    "Copy",
    "Delivery",
    "Event",
    "Published",
    "Publisher",
    "Resource",
    "Session",
]
