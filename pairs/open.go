package pairs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A content is what a file holds, by its bytes and not by its name.
type content int

const (
	contentNothing content = iota // white space at most
	contentLines
	contentArray
	contentParquet
)

// A compression of a file, by its first bytes.
type compression string

const (
	plain     compression = ""
	gzipped   compression = "gzip"
	zstandard compression = "zstd"
)

var (
	magicGzip    = []byte{0x1f, 0x8b}
	magicZstd    = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicParquet = []byte("PAR1")
	bom          = []byte{0xef, 0xbb, 0xbf}
)

// maxZstdWindow bounds the memory a zstd frame may ask for; `zstd --long=31` uses this much. A variable for the tests alone.
var maxZstdWindow uint64 = 2 << 30

// A file is an open input: what is in it and how to read that from the start.
type file struct {
	*os.File
	path        string
	size        int64
	compression compression
	content     content
}

// open opens a file and looks at its first bytes.
func open(path string) (*file, error) {
	local, err := localPath(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(local)
	if err != nil {
		return nil, fmt.Errorf("pairs: input: %w", err)
	}
	in := &file{File: f, path: path}
	if err := in.look(); err != nil {
		return nil, errors.Join(fmt.Errorf("pairs: input %s: %w", path, err), f.Close())
	}
	return in, nil
}

func (f *file) look() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no regular file; ranges are read from it, so copy the data to one first")
	}
	f.size = info.Size()
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, magicGzip):
		f.compression = gzipped
	case bytes.HasPrefix(head, magicZstd):
		f.compression = zstandard
	}
	if want := compressionByName(f.path); want != plain && want != f.compression {
		return fmt.Errorf("its name says %s but its first bytes %x do not; it is damaged or named wrongly", want, head)
	}
	if bytes.Equal(head, magicParquet) {
		f.content = contentParquet
		return nil
	}
	return f.lookInside()
}

func compressionByName(path string) compression {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gz":
		return gzipped
	case ".zst":
		return zstandard
	}
	return plain
}

// lookInside finds the first byte that is not white space.
func (f *file) lookInside() error {
	stream, err := f.stream(0)
	if err != nil {
		return err
	}
	defer stream.Close()
	r := bufio.NewReader(stream)
	head, err := r.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.Equal(head, magicParquet):
		return fmt.Errorf("it is a Parquet file inside %s; decompress it, Parquet compresses its own pages", f.compression)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return errors.New("it is UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
	case bytes.HasPrefix(head, bom):
		r.Discard(len(bom))
	}
	for {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case isSpace(c):
			continue
		case c == '[':
			f.content = contentArray
		case c == '{' || namedAsLines(f.path):
			f.content = contentLines
		default:
			return fmt.Errorf("it begins with %q: neither JSON lines nor a JSON array nor Parquet; convert it to one of them", string(rune(c)))
		}
		return nil
	}
}

// namedAsLines reports whether the name promises JSON, so that a first line that is none is a bad row and not a wrong file.
func namedAsLines(path string) bool {
	name := strings.ToLower(path)
	if ext := filepath.Ext(name); slices.Contains(compressions, ext) {
		name = strings.TrimSuffix(name, ext)
	}
	return slices.Contains([]string{".jsonl", ".ndjson", ".json"}, filepath.Ext(name))
}

// stream reads the file's text, decompressed, from that offset on.
func (f *file) stream(from int64) (io.ReadCloser, error) {
	if f.compression == plain {
		return io.NopCloser(io.NewSectionReader(f.File, from, max(0, f.size-from))), nil
	}
	stored := bufio.NewReaderSize(io.NewSectionReader(f.File, 0, f.size), 1<<18)
	d := &decompressor{file: f}
	if f.compression == gzipped {
		z, err := gzip.NewReader(stored) // follows on to further members
		if err != nil {
			return nil, f.damaged(err)
		}
		d.ReadCloser = z
	} else {
		z, err := zstd.NewReader(stored, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, f.damaged(err)
		}
		d.ReadCloser = z.IOReadCloser()
	}
	if _, err := io.CopyN(io.Discard, d, from); err != nil && err != io.EOF {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// A decompressor says of its errors what they mean.
type decompressor struct {
	io.ReadCloser
	file *file
}

func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = d.file.damaged(err)
	}
	return n, err
}

// damaged says what it means that decompression failed.
func (f *file) damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the %s stream is cut off; the rows before its end are read, fetch the file again: %w", f.compression, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the %s stream is damaged; the rows before are read, fetch the file again: %w", f.compression, err)
}
