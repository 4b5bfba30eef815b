"""Webhooks: delivers the rows of `webhooks` to the addresses that clients gave (Standard Webhooks)."""
