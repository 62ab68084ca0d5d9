// SPDX-License-Identifier: AGPL-3.0-or-later

package picture_test

import (
	"bytes"
	"errors"
	"flag"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/securecrypt/securecrypt/client/files/picture"
)

var keep = flag.String("keep", "", "a folder to write the bare pictures to, for other programs to look at")

// marks are what the pictures under testdata say beside what is to be seen.
var marks = []string{"MARKED", "ExampleCam", "adobe:ns:meta"}

func bare(t testing.TB, name string, b []byte) ([]byte, error) {
	t.Helper()
	r, err := picture.Bare(name, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(r)
	if err != nil || int64(len(out)) != r.Size() {
		t.Errorf("%s: %d bytes of %d, %v", name, len(out), r.Size(), err)
	}
	return out, nil
}

func pictures(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".py" || e.IsDir() {
			continue
		}
		if all[e.Name()], err = os.ReadFile(filepath.Join("testdata", e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 10 {
		t.Fatalf("%d pictures", len(all))
	}
	return all
}

// Nothing of what a picture says is left, the picture is the same to the last
// bit, and who takes it out twice finds nothing more.
func TestBare(t *testing.T) {
	for name, b := range pictures(t) {
		if !picture.Is("x", bytes.NewReader(b)) {
			t.Errorf("%s is no picture", name)
		}
		got, err := bare(t, name, b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		said := false
		for _, mark := range marks {
			said = said || bytes.Contains(b, []byte(mark))
			if bytes.Contains(got, []byte(mark)) {
				t.Errorf("%s still says %s", name, mark)
			}
		}
		if !said || len(got) < len(b)/4 {
			t.Errorf("%s said nothing, or has %d bytes left of %d", name, len(got), len(b))
		}
		if again, err := bare(t, name, got); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s: the second time it is another one, %v", name, err)
		}
		before, _, err := image.Decode(bytes.NewReader(b))
		if err == nil {
			after, _, err := image.Decode(bytes.NewReader(got))
			if err != nil || !reflect.DeepEqual(before, after) {
				t.Errorf("%s: the picture is another one, %v", name, err)
			}
		}
		if *keep != "" {
			if err := os.WriteFile(filepath.Join(*keep, name), got, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
}

// How a picture is to be turned stays.
func TestOrientationStays(t *testing.T) {
	for name, want := range map[string]string{
		"exif6.jpg":  "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00",
		"photo.png":  "\x00\x00\x00\x1aeXIfMM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06",
		"photo.webp": "EXIF\x1a\x00\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06",
	} {
		got, err := bare(t, name, pictures(t)[name])
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A picture that ends early is refused, or it says nothing all the same.
func TestDamagedPictures(t *testing.T) {
	for name, b := range pictures(t) {
		for n := range len(b) {
			got, err := bare(t, name, b[:n])
			if err != nil && !errors.Is(err, picture.ErrDamaged) && !errors.Is(err, picture.ErrUnknown) {
				t.Errorf("%s, %d bytes: %v", name, n, err)
			}
			for _, mark := range marks {
				if bytes.Contains(got, []byte(mark)) {
					t.Errorf("%s, %d bytes: it says %s", name, n, mark)
				}
			}
		}
	}
}

func TestKindsThatAreRefused(t *testing.T) {
	all := pictures(t)
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"page.jpg", []byte("<!doctype html><title>not found</title>"), picture.ErrDamaged},
		{"empty.png", nil, picture.ErrDamaged},
		{"photo.dng", all["photo.tiff"], picture.ErrUnknown},
		{"photo.jxl", []byte("\xff\x0a0123456789"), picture.ErrUnknown},
		{"film.heic", append(bytes.Clone(all["photo.heic"]), "\x00\x00\x00\x08moov"...), picture.ErrUnknown},
	} {
		if !picture.Is(c.name, bytes.NewReader(c.b)) {
			t.Errorf("%s is no picture", c.name)
		}
		if got, err := bare(t, c.name, c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
	}
	for name, b := range map[string]string{"note.txt": "text", "drawing.svg": "<svg/>", "song.mp3": "ID3", "empty": "", "film.mp4": "\x00\x00\x00\x18ftypisom\x00\x00\x00\x00"} {
		if picture.Is(name, strings.NewReader(b)) {
			t.Errorf("%s is a picture", name)
		}
	}
}

// What stands behind a picture is not sent: cameras put films and further
// pictures there.
func TestNothingBehindThePicture(t *testing.T) {
	all := pictures(t)
	for _, name := range []string{"exif6.jpg", "progressive.jpg", "photo.png", "photo.webp", "moving.gif", "photo.tiff"} {
		want, err := bare(t, name, all[name])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bare(t, name, append(bytes.Clone(all[name]), "MARKED film"...)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestSeek(t *testing.T) {
	b := pictures(t)["exif6.jpg"]
	r, err := picture.Bare("x.jpg", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		if n, err := r.Seek(int64(at), io.SeekStart); err != nil || n != int64(at) {
			t.Fatal(n, err)
		}
		if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, whole[at:]) {
			t.Fatalf("from %d: %d bytes, %v", at, len(rest), err)
		}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, whole); err != nil {
		t.Error(err)
	}
	if n, err := r.Seek(-1, io.SeekEnd); err != nil || n != r.Size()-1 {
		t.Error(n, err)
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("a place before the beginning was taken")
	}
}

// A file that becomes shorter while it is read is not taken for the whole picture.
func TestShortenedFileFails(t *testing.T) {
	b := pictures(t)["exif6.jpg"]
	file := &shrinking{b: b}
	r, err := picture.Bare("x.jpg", file, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	file.b = b[:len(b)/2]
	if got, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes of %d, %v", len(got), r.Size(), err)
	}
}

// shrinking is a file whose content a test shortens.
type shrinking struct{ b []byte }

func (s *shrinking) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s.b).ReadAt(p, at)
}

// Whatever comes, there is no panic, and what is handed out is stable.
func FuzzBare(f *testing.F) {
	for _, b := range pictures(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := bare(t, "x", b)
		if err != nil {
			return
		}
		if again, err := bare(t, "x", once); err != nil || !bytes.Equal(again, once) {
			t.Errorf("the second time it is another one: %v", err)
		}
	})
}
