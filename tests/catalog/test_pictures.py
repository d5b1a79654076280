"""Pictures of items: what people send is encoded anew, what is kept has a signed public address."""

from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from accounts.tenancy import tenant_scope
from catalog import pictures
from catalog.models import Item
from catalog.pictures import BadPicture


def picture(format_="PNG", size=(60, 40), mode="RGB", **options):
    buffer = BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else 0).save(buffer, format_, **options)
    buffer.seek(0)
    return buffer


def encode(buffer):
    return pictures.encode(buffer, len(buffer.getvalue()))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_is_encoded_anew_as_jpeg(format_):
    encoded = encode(picture(format_))
    assert encoded.extension == "jpg"
    assert Image.open(BytesIO(encoded.content)).size == (60, 40)


def test_transparency_survives_as_png():
    encoded = encode(picture("PNG", mode="RGBA"))
    assert encoded.extension == "png"
    assert Image.open(BytesIO(encoded.content)).mode == "RGBA"


def test_a_large_picture_is_made_smaller():
    encoded = encode(picture(size=(2400, 600)))
    assert Image.open(BytesIO(encoded.content)).size == (1200, 300)


def test_a_turned_photo_stands_upright_and_loses_the_cameras_notes():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret Camera"
    encoded = encode(picture("JPEG", exif=exif))
    assert Image.open(BytesIO(encoded.content)).size == (40, 60)
    assert b"Secret" not in encoded.content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        picture().getvalue()[:70],
        picture("BMP").getvalue(),
    ],
    ids=["empty", "text", "svg", "cut off", "bmp"],
)
def test_anything_but_a_picture_is_refused(content):
    with pytest.raises(BadPicture, match="not a JPEG, PNG, WebP or GIF"):
        encode(BytesIO(content))


def test_too_many_pixels_are_refused_before_they_are_decoded():
    with pytest.raises(BadPicture, match="more than 40 million pixels"):
        encode(picture("PNG", size=(8000, 5001), mode="1"))


def test_too_many_bytes_are_refused_unread():
    with pytest.raises(BadPicture, match="larger than 8 MB"):
        pictures.encode(BytesIO(), pictures.MAX_BYTES + 1)


def test_a_kept_picture_is_served_to_everybody_with_its_address(scope):
    item = Item.objects.create(external_id="a", picture=pictures.keep(encode(picture())))
    answer = Client().get(pictures.address(item))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert Image.open(BytesIO(answer.content)).size == (60, 40)


def test_an_svg_is_served_in_a_sandbox(scope):
    item = Item.objects.create(external_id="a", picture=pictures.keep_drawing("<svg/>"))
    answer = Client().get(pictures.address(item))
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def test_the_address_stays_the_same(scope):
    item = Item.objects.create(external_id="a", picture=pictures.keep_drawing("<svg/>"))
    assert pictures.address(item) == pictures.address(item)


def test_a_forged_address_is_not_found(scope):
    item = Item.objects.create(external_id="a", picture=pictures.keep_drawing("<svg/>"))
    address = pictures.address(item)
    assert Client().get(address[:-2] + "x/").status_code == 404
    assert Client().get("/pictures/anything/").status_code == 404


def test_a_web_address_passes_through():
    item = Item(tenant_id=1, picture="https://example.cn/a.jpg")
    assert pictures.address(item) == "https://example.cn/a.jpg"


@pytest.mark.parametrize(
    "name",
    ["", "imports/1/file.csv", "pictures/2/abc.png", "pictures/1/../../imports/1/x.csv", "http://example.cn/a.jpg"],
)
def test_no_other_file_can_be_reached_through_an_item(name):
    assert pictures.address(Item(tenant_id=1, kind="course", picture=name)) == "/static/catalog/course.svg"


def test_a_discarded_picture_is_deleted_when_the_change_is_committed(brand, django_capture_on_commit_callbacks):
    with tenant_scope(brand):
        name = pictures.keep_drawing("<svg/>")
        with django_capture_on_commit_callbacks() as callbacks:
            pictures.discard(name)
        assert default_storage.exists(name)
        callbacks[0]()
    assert not default_storage.exists(name)


def test_another_brands_picture_is_never_discarded(brand, other_brand, django_capture_on_commit_callbacks):
    with tenant_scope(other_brand):
        name = pictures.keep_drawing("<svg/>")
    with tenant_scope(brand), django_capture_on_commit_callbacks(execute=True):
        pictures.discard(name)
    assert default_storage.exists(name)
