"""Texts as tokens, and models of texts compared on held-out rows."""

import numpy as np
import pytest

from modeling.content.configs import ContentConfig
from modeling.content.fitting import fit_texts, load_classifier
from modeling.content.lexicon import score, weak_tone
from modeling.content.sentiment import Remark, fit_sentiment, text_key
from modeling.content.targets import make_targets, split_rows
from modeling.content.tokens import Vocabulary, split_words, tokenise
from modeling.content.vectors import features_part, item_vectors, nearest, text_part
from modeling.errors import DatasetTooSmall, FileCorrupt, LabelHasOneClass, TrainingCancelled
from tests.modeling.content import SUBJECTS, item_rows, remarks

CONFIG = ContentConfig.preset("debug")


def ignore(_point):
    pass


def never():
    return False


def fitted(should_stop=never, rows=None):
    rows = rows or item_rows()
    targets = make_targets([row["category"] for row in rows], [row["tags"] for row in rows])
    parts = split_rows([row["external_id"] for row in rows], targets.is_labelled_N)
    texts = [row["title"] + row["text"] for row in rows]
    return fit_texts(texts, targets, parts, CONFIG, ignore, should_stop), texts


def test_words_characters_numbers_links_emoji_and_stickers_become_tokens():
    assert tokenise("北京ＡＢＣ 3.5元 https://a.b/c 😊[微笑]！") == [
        "北京", "北", "京", "abc", "<number>", "元", "<link>", "😊", "[微笑]", "!",
    ]  # fmt: skip


def test_a_vocabulary_has_its_size_and_gives_unknown_tokens_a_bucket():
    vocabulary = Vocabulary.build(["咖啡 好喝", "咖啡 豆"], size=64)
    tokens_NT = vocabulary.encode(["咖啡", "从未见过的词", ""], 8)
    assert len(vocabulary) == 64
    assert vocabulary.words == ("咖", "咖啡", "啡")
    assert tokens_NT[0].tolist() == [2, 1, 3, 0, 0, 0, 0, 0]
    assert (tokens_NT[1][tokens_NT[1] > 0] > 3).all()
    assert not tokens_NT[2].any()
    assert np.array_equal(
        tokens_NT, Vocabulary.build(["咖啡 豆", "咖啡 好喝"], size=64).encode(["咖啡", "从未见过的词", ""], 8)
    )


def test_every_family_and_both_simple_models_are_compared_on_the_same_rows():
    fit = fitted()[0]
    assert {one["kind"] for one in fit.result["models"]} == {"text_cnn", "text_transformer", "logistic", "nearest"}
    assert fit.result["num_rows"] == {"train": 64, "valid": 25, "test": 19}
    assert fit.result["models"][0]["valid"]["loss"] == min(one["valid"]["loss"] for one in fit.result["models"])
    assert fit.result["models"][0]["test"]["accuracy"] >= 0.9
    assert fit.result["is_rough"]


@pytest.mark.parametrize("kind", ["text_cnn", "text_transformer", "logistic", "nearest"])
def test_a_stored_model_says_what_it_said_and_a_changed_one_is_refused(kind, tmp_path):
    fit, texts = fitted()
    model = next(one.classifier for one in fit.candidates if one.classifier.kind == kind)
    model.write(tmp_path / "m", {})
    again = load_classifier(tmp_path / "m").predict(texts[:9])
    said = model.predict(texts[:9])
    assert np.array_equal(again.classes_NC, said.classes_NC)
    assert np.array_equal(again.tags_NL, said.tags_NL)
    weights = tmp_path / "m" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"evil")
    with pytest.raises(FileCorrupt):
        load_classifier(tmp_path / "m")


def test_the_same_rows_give_the_same_model():
    one, other = fitted()[0], fitted()[0]
    assert one.result["models"] == other.result["models"]


def test_too_few_rows_one_label_and_a_wish_to_stop_end_the_fit():
    with pytest.raises(DatasetTooSmall):
        make_targets(["a", "b"] * 5, [()] * 10)
    with pytest.raises(LabelHasOneClass):
        make_targets(["a"] * 50, [()] * 50)
    with pytest.raises(TrainingCancelled):
        fitted(should_stop=lambda: True)


def test_negations_turn_words_around():
    assert score(split_words("不好")) <= 0
    assert score(split_words("不推荐")) == -1
    assert weak_tone("太差了，失望") == "negative"
    assert weak_tone("谢谢，很喜欢👍") == "positive"
    assert weak_tone("请问怎么买") == "neutral"
    assert weak_tone("今天星期二") == ""
    assert weak_tone("今天星期二", rating=1) == "negative"


def test_tone_is_learnt_from_weak_labels_and_not_called_measured():
    rows = [Remark(text_key(text), text) for text, _tone in remarks()]
    fit = fit_sentiment(rows, {}, CONFIG, ignore, never)
    assert fit.result["measured_on"] == "weak"
    assert fit.result["num_labels"] == 0


def test_labels_measure_first_and_teach_from_sixty_on():
    said = remarks()
    rows = [Remark(text_key(text), text) for text, _tone in said]
    few = {text_key(text): tone for text, tone in said[:30]}
    many = {text_key(text): tone for text, tone in said[:90]}
    measured = fit_sentiment(rows, few, CONFIG, ignore, never).result
    taught = fit_sentiment(rows, many, CONFIG, ignore, never).result
    assert measured["measured_on"] == taught["measured_on"] == "labels"
    assert measured["num_rows"]["test"] == 30
    assert taught["num_rows"]["test"] < 30
    assert measured["models"][0]["test"]["accuracy"] >= 0.8


def test_item_vectors_put_items_of_one_subject_together():
    rows = item_rows()
    parts = [
        text_part([row["title"] + row["text"] for row in rows], 16),
        features_part([row["tags"] for row in rows], 16),
    ]
    vectors_ND, has_vector_N = item_vectors(parts)
    assert vectors_ND.shape == (120, 32)
    assert vectors_ND.dtype == np.float32
    assert has_vector_N.all()
    subjects = list(SUBJECTS)
    bare = 9
    alike = [subjects[row % 4] for row, _cosine in nearest(vectors_ND, bare, 5)]
    assert alike.count(subjects[bare % 4]) >= 4
    again, _has = item_vectors(parts)
    assert np.array_equal(again, vectors_ND)


def test_items_that_say_nothing_have_no_vector():
    vectors_ND, has_vector_N = item_vectors([text_part(["咖啡 豆", "咖啡 好", ""], 4)])
    assert has_vector_N.tolist() == [True, True, False]
    assert not vectors_ND[2].any()
