"""The words for genders that files, the API and forms of other systems use. One list for all ways in."""

GENDER_WORDS: dict[str, tuple[str, ...]] = {
    "female": ("女", "女性", "女士", "female", "f", "woman", "2"),
    "male": ("男", "男性", "先生", "male", "m", "man", "1"),
    "": ("未知", "保密", "unknown", "u", "0", "other", "其他"),
}
GENDER_BY_WORD = {word: code for code, words in GENDER_WORDS.items() for word in words}
"""Lower-case word -> Contact.Gender value."""
