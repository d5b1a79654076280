"""A stand-in for the WeChat platform: HTTP in, HTTP and pushes out, written from the fact sheet alone.

Imports nothing of the site and nothing of its client, so that each side catches the other's errors.
"""
