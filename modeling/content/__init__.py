"""Content understanding: what items and comments say, learnt from the brand's own labels. No Django in this room.

`fitting.fit_texts` and `fitting.fit_pictures` compare networks with simple models on held-out rows and return the one
that did best; `vectors.item_vectors` turns items into dense vectors.
"""
