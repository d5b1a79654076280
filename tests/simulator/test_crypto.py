"""The platform's cryptography against the vector in Tencent's own sample, and against bad input."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulator import crypto

TOKEN, TIMESTAMP, NONCE = "spamtest", "1409735669", "1320562132"
KEY, APP_ID = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx2c2769f8efd9abc2"
ENCRYPTED = (
    "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9FrXpbUAh0B5G"
    "IItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMe"
    "zR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl"
    "9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
)  # fmt: skip


def test_the_signature_of_the_vector():
    assert crypto.sign(TOKEN, TIMESTAMP, NONCE, ENCRYPTED) == "5d197aaffba7e9b25a30732f161a50dee96bd5fa"


def test_the_text_of_the_vector():
    text, app_id = crypto.decrypt(KEY, ENCRYPTED)
    assert app_id == APP_ID
    assert crypto.read_xml(text) == {
        "ToUserName": "gh_10f6c3c3ac5a",
        "FromUserName": "oyORnuP8q7ou2gfYjqLzSIWZf0rs",
        "CreateTime": "1409735668",
        "MsgType": "text",
        "Content": "abcdteT",
        "MsgId": "6054768590064713728",
    }


def test_encrypting_with_the_vectors_random_bytes_gives_the_vector():
    raw = base64.b64decode(KEY + "=")
    decryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    random_bytes = decryptor.update(base64.b64decode(ENCRYPTED))[:16]
    text, app_id = crypto.decrypt(KEY, ENCRYPTED)
    assert crypto.encrypt(KEY, app_id, text, prefix=random_bytes) == ENCRYPTED


@pytest.mark.parametrize("length", range(0, 70, 3))
def test_every_padding_from_1_to_32_is_read(length):
    text = "长" * length
    assert crypto.decrypt(KEY, crypto.encrypt(KEY, APP_ID, text)) == (text, APP_ID)


@pytest.mark.parametrize("sealed", ["", "no base64!", "AAAA", base64.b64encode(bytes(64)).decode()])
def test_what_is_not_sealed_with_the_key_is_refused(sealed):
    with pytest.raises(crypto.Undecipherable):
        crypto.decrypt(KEY, sealed)


def test_xml_quotes_and_nests_and_refuses_doctypes():
    fields = {"Content": "a ]]> b & <c>", "CreateTime": 1, "PicList": {"item": [{"X": "1"}, {"X": "2"}]}}
    assert crypto.read_xml(crypto.to_xml(fields)) == fields | {"CreateTime": "1"}
    for text in ("<!DOCTYPE xml [<!ENTITY a 'b'>]><xml>&a;</xml>", "<xml>", ""):
        with pytest.raises(crypto.Undecipherable):
            crypto.read_xml(text)
