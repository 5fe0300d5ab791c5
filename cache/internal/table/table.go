package table

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"golang.org/x/sys/unix"
)

// A Writer appends records to a new file. The file's blocks are allocated by ordinary writes, so that a full disk is an error here and
// never a fault in the mapping later.
type Writer struct {
	f   *os.File
	buf *bufio.Writer
	n   int
}

// Create begins a file with a header, replacing what was there.
func Create(path string, header []byte) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, buf: bufio.NewWriterSize(f, 1<<18)}
	w.buf.Write(header) // the error stays with buf
	return w, nil
}

// Append writes a record.
func (w *Writer) Append(record []byte) error {
	_, err := w.buf.Write(record)
	w.n++
	return err
}

// Len returns the number of records written.
func (w *Writer) Len() int { return w.n }

// Close finishes the file.
func (w *Writer) Close() error {
	return errors.Join(w.buf.Flush(), w.f.Close())
}

// Access says what a table is mapped for.
type Access int

// The kinds of access.
const (
	Read      Access = iota // records must not be changed
	ReadWrite               // records may be changed and sorted; the file changes with them
)

// A Table is a mapped file of records.
type Table struct {
	data    []byte // the whole file; nil when it is empty
	records []byte
	size    int // bytes of a record
}

// Map maps a file of a header and records of so many bytes.
func Map(path string, headerSize, recordSize int, a Access) (*Table, error) {
	flag, prot := os.O_RDONLY, unix.PROT_READ
	if a == ReadWrite {
		flag, prot = os.O_RDWR, unix.PROT_READ|unix.PROT_WRITE
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return mapFile(f.Fd(), path, info.Size(), headerSize, recordSize, prot)
}

// A Source is something with the bytes of a table: a file, or an object that is stored elsewhere.
type Source interface {
	io.ReaderAt
	Size() int64
}

// MapSource maps the records of a source for reading; the source may be closed afterwards. An object that is no file of this machine is
// copied into a temporary one first, which goes with the mapping.
func MapSource(src Source, recordSize int) (*Table, error) {
	if f, ok := src.(interface{ Fd() uintptr }); ok {
		return mapFile(f.Fd(), "the file", src.Size(), 0, recordSize, unix.PROT_READ)
	}
	return Temporary(recordSize, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(src, 0, src.Size()))
		return err
	})
}

// Temporary maps the records that fill writes, for reading. They lie in a temporary file, which goes with the mapping.
func Temporary(recordSize int, fill func(io.Writer) error) (*Table, error) {
	f, err := os.CreateTemp("", "steelyard-table-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	os.Remove(f.Name())
	w := bufio.NewWriterSize(f, 1<<18)
	if err := fill(w); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return mapFile(f.Fd(), f.Name(), info.Size(), 0, recordSize, unix.PROT_READ)
}

func mapFile(fd uintptr, path string, size int64, headerSize, recordSize, prot int) (*Table, error) {
	if size < int64(headerSize) || (size-int64(headerSize))%int64(recordSize) != 0 || int64(int(size)) != size {
		return nil, fmt.Errorf("%s: %d bytes are no header of %d and records of %d", path, size, headerSize, recordSize)
	}
	if size == 0 {
		return &Table{size: recordSize}, nil // nothing to map
	}
	data, err := unix.Mmap(int(fd), 0, int(size), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return &Table{data: data, records: data[headerSize:], size: recordSize}, nil
}

// Header returns the bytes before the first record.
func (t *Table) Header() []byte { return t.data[:len(t.data)-len(t.records)] }

// Len returns the number of records.
func (t *Table) Len() int { return len(t.records) / t.size }

// Record returns record i, a window into the mapping.
func (t *Table) Record(i int) []byte { return t.records[i*t.size : (i+1)*t.size : (i+1)*t.size] }

// Sort sorts the records by their bytes from..to.
func (t *Table) Sort(from, to int) {
	sort.Sort(&byBytes{t, from, to, make([]byte, t.size)})
}

type byBytes struct {
	*Table
	from, to int
	spare    []byte
}

func (b *byBytes) Less(i, j int) bool {
	return bytes.Compare(b.Record(i)[b.from:b.to], b.Record(j)[b.from:b.to]) < 0
}

func (b *byBytes) Swap(i, j int) {
	copy(b.spare, b.Record(i))
	copy(b.Record(i), b.Record(j))
	copy(b.Record(j), b.spare)
}

// Search returns the first record, in a table sorted by its first bytes, that does not come before key.
func (t *Table) Search(key []byte) int {
	return sort.Search(t.Len(), func(i int) bool { return bytes.Compare(t.Record(i)[:len(key)], key) >= 0 })
}

// Close removes the mapping.
func (t *Table) Close() error {
	data := t.data
	t.data, t.records = nil, nil
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}
