// SPDX-License-Identifier: AGPL-3.0-or-later

// Package picture takes out of pictures what they say beside what is to be
// seen: place, time, camera, author, comments, previews. The picture itself stays
// as it is, to the last bit, and so do its colour profile and its orientation.
//
// It knows the containers, not the pictures in them: JPEG (ITU-T T.81, Exif 3.0),
// PNG (W3C, third edition) with APNG, GIF (89a), WebP (RFC 9649), TIFF (revision
// 6.0), HEIF and AVIF (ISO/IEC 23008-12). Of each it keeps what is on a list and
// leaves out or blanks the rest. What it does not know, or what is damaged, it
// refuses: it never hands out a picture that it did not look through.
package picture
