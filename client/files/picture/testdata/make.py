# Makes the pictures of this folder but for exif6.jpg: pip install pillow pillow-heif.
# Each says MARKED in every place that its form has for it.
import io
from PIL import Image, PngImagePlugin, TiffImagePlugin
import pillow_heif

pillow_heif.register_heif_opener()
im = Image.new("RGB", (24, 16))
im.putdata([(x * 10, y * 15, 80) for y in range(16) for x in range(24)])


def exif():
    e = Image.Exif()
    e[0x010F] = "MARKED camera"
    e[0x0131] = "MARKED program"
    e[0x0112] = 6
    gps = e.get_ifd(0x8825)
    gps[1] = "N"
    gps[2] = (10.0, 20.0, 30.0)
    gps[0x1D] = "MARKED"
    return e


xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">MARKED xmp</x:xmpmeta>'

im.save("photo.webp", exif=exif(), xmp=xmp, lossless=True)
im.save("photo.heic", exif=exif(), xmp=xmp, quality=90)
im.save("photo.avif", exif=exif(), xmp=xmp, quality=90)
info = PngImagePlugin.PngInfo()
info.add_text("Comment", "MARKED text")
info.add_itxt("XML:com.adobe.xmp", "MARKED xmp")
im.save("photo.png", exif=exif(), pnginfo=info)
im.save("progressive.jpg", exif=exif(), xmp=xmp, comment=b"MARKED comment", progressive=True, quality=90)
fields = TiffImagePlugin.ImageFileDirectory_v2()
fields[270] = "MARKED description"
fields[700] = xmp
for name, how in [("photo.tiff", {}), ("deflate.tiff", {"compression": "tiff_adobe_deflate"})]:
    pages = [im, im.rotate(180)]
    pages[0].save(name, tiffinfo=fields, exif=exif(), save_all=True, append_images=pages[1:], **how)
frames = [im, im.rotate(180)]
frames[0].save("moving.gif", save_all=True, append_images=frames[1:], loop=0, duration=90, comment=b"MARKED comment")
frames[0].save("moving.webp", save_all=True, append_images=frames[1:], exif=exif(), xmp=xmp, lossless=True)
