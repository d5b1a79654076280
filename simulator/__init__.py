"""A faithful stand-in for the WeChat platform: its own small process, knowing nothing of the site and of its client."""
