"""The broker: carries the ids of submissions to be executed from the API to the queue consumer.

Without one, the consumer takes the rows of the outbox itself (`queue_consumer.outbox_consumer`).
"""
