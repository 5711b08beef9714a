"""Every format and mode decodes to the right pixels, and damage is named."""

import io
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data import images, parallel
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import OutputError, SourceError

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
GREY = RGB[..., 0]


def encoded(image, form, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pixels(item) -> np.ndarray:
    image = images.load_image(item)
    assert image.mode == "RGB"
    return np.asarray(image)


def grey3(array) -> np.ndarray:
    return np.repeat(np.asarray(array, np.uint8)[..., None], 3, axis=2)


def table(items, column="image") -> pd.DataFrame:
    ids = pd.Index([f"{i:03d}" for i in range(len(items))], name="sample_id")
    return pd.DataFrame({"label": "x", "split": "train", column: list(items)}, index=ids)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(form):
    assert (pixels(encoded(Image.fromarray(RGB), form)) == RGB).all()


def test_lossless_webp_keeps_every_pixel():
    assert (pixels(encoded(Image.fromarray(RGB), "WEBP", lossless=True)) == RGB).all()


def test_jpeg_of_one_colour():
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    decoded = pixels(encoded(Image.fromarray(flat), "JPEG", quality=95)).astype(int)
    assert abs(decoded - flat).max() <= 3


def test_multi_picture_jpeg_gives_the_first_picture():
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("black", "white"))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert pixels(data).max() <= 2


def test_animated_gif_gives_its_first_frame():
    first, second = (Image.new("RGB", (3, 3), colour) for colour in ("red", "blue"))
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    assert (pixels(data) == (255, 0, 0)).all()


def test_grey_is_repeated_in_three_channels():
    assert (pixels(encoded(Image.fromarray(GREY), "PNG")) == grey3(GREY)).all()


def test_one_bit_is_black_and_white():
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert pixels(encoded(image, "PNG")).tolist() == [[[0] * 3, [255] * 3]]


def test_palette_colours():
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    expected = [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert pixels(encoded(image, "PNG")).tolist() == expected


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_entry_is_white(form):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    expected = [[[10, 20, 30], [255, 255, 255]]]
    assert pixels(encoded(image, form, transparency=1)).tolist() == expected


def test_palette_with_partial_transparency():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0])
    data = encoded(image, "PNG", transparency=bytes([255, 51]))  # 51 / 255 = a fifth
    assert pixels(data).tolist() == [[[0] * 3, [204] * 3]]


def test_rgba_is_composited_on_white():
    rgba = np.array([[[100, 0, 0, 255], [100, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    expected = [[[100, 0, 0], [255] * 3, [204] * 3]]
    assert pixels(encoded(Image.fromarray(rgba), "PNG")).tolist() == expected


def test_grey_with_alpha_is_composited_on_white():
    image = Image.merge("LA", [Image.new("L", (2, 1), 0), Image.new("L", (2, 1), 51)])
    assert pixels(encoded(image, "PNG")).tolist() == [[[204] * 3] * 2]


def test_colour_named_as_transparent_is_white():
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    data = encoded(Image.fromarray(rgb), "PNG", transparency=(1, 2, 3))
    assert pixels(data).tolist() == [[[255] * 3, [4, 5, 6]]]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(form):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    decoded = pixels(encoded(image, form)).astype(int)
    assert abs(decoded - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(form):
    deep = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    data = encoded(Image.fromarray(deep), form)
    assert pixels(data).tolist() == grey3([[0, 1, 128, 255]]).tolist()


def test_big_endian_sixteen_bit_grey():
    deep = Image.frombytes("I;16B", (2, 1), struct.pack(">HH", 257, 65535))
    assert np.asarray(images.to_rgb(deep)).tolist() == grey3([[1, 255]]).tolist()


def test_float_grey_between_zero_and_one_is_scaled():
    data = encoded(Image.fromarray(np.array([[0, 0.2, 1]], np.float32)), "TIFF")
    assert pixels(data).tolist() == grey3([[0, 51, 255]]).tolist()


def test_float_grey_of_unknown_range_is_refused():
    data = encoded(Image.fromarray(np.array([[-1, 40]], np.float32)), "TIFF")
    assert images.broken_image(data) == "grey values from -1 to 40, expected 0 to 1"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(form):
    tall = Image.new("RGB", (16, 32), "black")
    tall.paste((255, 255, 255), (0, 0, 16, 16))  # the upper half is white
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6  # to be shown turned by 90 degrees clockwise
    upright = pixels(encoded(tall, form, exif=exif))
    assert upright.shape == (16, 32, 3)
    assert upright[:, 20:].min() > 250 and upright[:, :12].max() < 5
    assert images.common_size(table([encoded(tall, form, exif=exif)])) == (32, 16)


def test_arrays_are_items_too():
    assert (pixels(RGB) == RGB).all()
    assert (pixels(GREY) == grey3(GREY)).all()
    assert "float64" in images.broken_image(GREY / 255)


def damaged(form: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), form)
    return data[: len(data) // 2]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
def test_truncated_files_are_broken(form):
    assert images.broken_image(damaged(form))


def test_whole_files_are_not_broken(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    assert images.broken_image(tmp_path / "a.png") is None
    assert images.broken_image(encoded(Image.fromarray(RGB), "JPEG")) is None


def test_reasons_name_no_path_and_no_address(tmp_path):
    (tmp_path / "a.png").write_bytes(b"hello")
    reason = images.broken_image(tmp_path / "a.png")
    assert reason == images.broken_image(b"hello")
    assert "known format" in reason and str(tmp_path) not in reason
    assert images.broken_image(tmp_path / "b.png") == "No such file or directory"
    assert images.broken_image(b"")


def test_postscript_is_never_run():
    assert "known format" in images.broken_image(encoded(Image.fromarray(RGB), "EPS"))


def test_a_decompression_bomb_is_named():
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0"))
    assert "decompression bomb" in images.broken_image(bomb)


def test_decoded_pixels_of_the_right_size_are_untouched():
    square = np.stack([RGB[:, :4], RGB[::-1, :4]])
    assert (images.decode_pixels(table(square), 4) == square).all()


def test_decoded_pixels_are_squished_whatever_the_shape():
    wide = np.zeros((8, 64, 3), np.uint8)
    wide[:, 32:] = 255
    (decoded,) = images.decode_pixels(table([wide]), 8)
    assert decoded.shape == (8, 8, 3)
    assert decoded[:, :3].max() == 0 and decoded[:, 5:].min() == 255


def test_shrinking_averages_instead_of_picking():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    (decoded,) = images.decode_pixels(table([stripes]), 8)
    assert abs(decoded[2:-2, 2:-2].astype(int) - 127).max() <= 6


def test_a_large_jpeg_is_read_smaller_but_no_smaller_than_needed():
    data = encoded(Image.new("RGB", (800, 400), "teal"), "JPEG")
    assert images.load_image(data, at_least=100).size == (200, 100)
    assert images.load_image(data, at_least=101).size == (400, 200)
    assert images.load_image(data).size == (800, 400)


def test_reading_a_large_jpeg_smaller_keeps_the_detail_that_is_asked_for():
    stripes = np.tile(np.repeat(np.array([0, 255], np.uint8), 4), (64, 8))
    data = encoded(Image.fromarray(stripes), "JPEG", quality=100)
    from_jpeg, exact = images.decode_pixels(table([data, stripes]), 16).astype(int)
    assert exact.max() - exact.min() > 200 and abs(from_jpeg - exact).max() <= 8


def test_decoding_to_a_file_equals_decoding_to_memory(tmp_path):
    samples = table(np.random.default_rng(0).integers(0, 256, (70, 9, 7, 3), dtype=np.uint8))
    calls = []
    mapped = images.decode_pixels(
        samples, 5, out=tmp_path / "p.npy", progress=lambda done, total: calls.append((done, total))
    )
    assert isinstance(mapped, np.memmap)
    assert (mapped == images.decode_pixels(samples, 5, workers=1)).all()
    assert (np.load(tmp_path / "p.npy") == mapped).all()
    assert calls[-1] == (70, 70) and calls == sorted(calls)


def test_the_memory_map_never_alters_its_file(tmp_path):
    mapped = images.decode_pixels(table([RGB]), 4, out=tmp_path / "p.npy")
    before = (tmp_path / "p.npy").read_bytes()
    mapped[:] = 0
    del mapped
    assert (tmp_path / "p.npy").read_bytes() == before


def test_a_failed_decode_names_the_sample_and_leaves_no_file(tmp_path):
    samples = table([images.png_bytes(RGB), b"broken"])
    with pytest.raises(SourceError, match=r"001: cannot be decoded.*known format"):
        images.decode_pixels(samples, 4, out=tmp_path / "p.npy")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "missing" / "p.npy", tmp_path / "file" / "p.npy"):
        with pytest.raises(OutputError, match="cannot write"):
            images.decode_pixels(table([RGB]), 4, out=place)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((100, 50), (32, 16)), ((50, 100), (16, 32)), ((8, 8), (32, 32)), ((500, 1), (32, 1))],
)
def test_a_thumbnail_s_longest_side_is_the_size(shape, expected):
    width, height = shape
    data = images.thumbnail(np.zeros((height, width, 3), np.uint8), 32)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("JPEG", expected)


def test_common_size_is_the_median():
    sizes = [(10, 20), (30, 40), (50, 90)]
    samples = table([np.zeros((h, w), np.uint8) for w, h in sizes])
    size = images.common_size(samples)
    assert size == (30, 40) and size.width == 30
    with pytest.raises(SourceError, match="000"):
        images.common_size(table([b"broken"]))


def test_png_bytes_are_exact_and_bytes_pass_through():
    assert (pixels(images.png_bytes(RGB)) == RGB).all()
    assert (pixels(images.png_bytes(RGB[:, ::2])) == RGB[:, ::2]).all()
    assert images.png_bytes(b"as is") == b"as is"


def test_image_items_come_from_whichever_column_is_there():
    assert images.image_items(table(["/a.png", "/b.png"], "path")) == ["/a.png", "/b.png"]
    assert images.image_items(table([b"1", b"2"])) == [b"1", b"2"]
    with pytest.raises(SourceError, match="found the columns label, split"):
        images.image_items(table([b"1"])[["label", "split"]])


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 300, 1000])
def test_threads_keep_the_order(count):
    assert list(in_threads(lambda n: n * n, range(count), workers=3)) == [
        n * n for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 300])
def test_a_browser_has_no_threads(count, monkeypatch):
    monkeypatch.setattr(parallel, "PLATFORM", "emscripten")
    monkeypatch.delattr(parallel, "ThreadPoolExecutor")
    assert list(in_threads(abs, range(count))) == list(range(count))


def with_orientation(form: str, kind: int, count: int, value: bytes) -> bytes:
    """A picture of 16 x 32, upper half white, whose EXIF holds a hand-made orientation entry."""
    tall = Image.new("RGB", (16, 32), "black")
    tall.paste((255, 255, 255), (0, 0, 16, 16))
    entry = struct.pack("<HHI", images.ORIENTATION, kind, count) + value
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4) + b"\7\0\0\0\1\0\0\0"
    return encoded(tall, form, exif=b"Exif\0\0" + tiff)


ODD_ORIENTATIONS = {
    "text": (2, 4, b"abc\0"),
    "text of a number": (2, 2, b"6\0\0\0"),
    "zero": (3, 1, b"\0\0\0\0"),
    "nine": (3, 1, b"\x09\0\0\0"),
    "negative": (8, 1, b"\xff\xff\0\0"),
    "several": (3, 2, b"\6\0\6\0"),
    "a fraction": (5, 1, struct.pack("<I", 26)),
    "a fraction of zero": (5, 1, struct.pack("<I", 4)),
    "bytes": (7, 4, b"\1\2\3\4"),
    "not a number": (11, 1, struct.pack("<f", float("nan"))),
    "a place outside": (2, 400, struct.pack("<I", 90_000)),
    "an unknown kind": (99, 1, b"\6\0\0\0"),
    "none at all": (3, 0, b"\0\0\0\0"),
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", ODD_ORIENTATIONS)
def test_an_orientation_that_makes_no_sense_leaves_the_picture_as_it_is(odd, form):
    data = with_orientation(form, *ODD_ORIENTATIONS[odd])
    assert images.broken_image(data) is None
    shown = pixels(data)
    assert images.common_size(table([data])) == shown.shape[1::-1]
    if shown.shape == (32, 16, 3):
        assert shown[:12].min() > 240 and shown[20:].max() < 15
    assert Image.open(io.BytesIO(images.thumbnail(data, 32))).size == shown.shape[1::-1]
    assert images.decode_pixels(table([data]), 8).shape == (1, 8, 8, 3)


def test_an_orientation_that_is_whole_in_another_type_is_applied_the_same_everywhere():
    data = with_orientation("JPEG", 4, 1, struct.pack("<I", 6))
    assert pixels(data).shape == (16, 32, 3)
    assert images.common_size(table([data])) == (32, 16)


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0" + bytes(range(99))]
)
def test_exif_that_is_no_exif_leaves_the_picture_as_it_is(exif):
    data = encoded(Image.new("RGB", (16, 32), "teal"), "JPEG", exif=exif)
    assert pixels(data).shape == (32, 16, 3)
    assert images.common_size(table([data])) == (16, 32)


@pytest.mark.parametrize("orientation", ["abc", 0, 9, 6.5])
def test_a_tiff_with_an_odd_orientation(orientation):
    from PIL import TiffImagePlugin

    info = TiffImagePlugin.ImageFileDirectory_v2()
    kinds = {str: 2, int: 3, float: 12}
    info.tagtype[images.ORIENTATION] = kinds[type(orientation)]
    info[images.ORIENTATION] = orientation
    data = encoded(Image.fromarray(RGB), "TIFF", tiffinfo=info)
    assert images.broken_image(data) is None and (pixels(data) == RGB).all()
    assert images.common_size(table([data])) == (6, 4)


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_is_turned_upright_as_pillow_does_it(turn):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[images.ORIENTATION] = turn
    data = encoded(Image.fromarray(RGB), "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert (pixels(data) == np.asarray(expected)).all()
    assert images.common_size(table([data])) == expected.size
