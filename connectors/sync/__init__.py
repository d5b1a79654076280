"""Fetching what the platform lists: followers, tags, articles, statistics. Resumable, within its daily calls.

Stage: collect. Reads the platform through `connectors.clients`; writes contacts and items through audience and
catalog, and connectors.Follower, PlatformTag, PlatformTotal.
"""
