"""WeChat's protocol in plain Python: no Django, nothing of the site, so that it runs alone and is tested alone.

Calls: `client.WeChatClient(app_id, tokens)` with a token source of tokens.py or component.py; the areas of the API are
modules of functions that take the client first. Pushes: crypto.py opens them, pushes.py types them, replies.py answers.
"""
