package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/internal/table"
	"github.com/steelyard-ml/steelyard/schemas"
)

// The index file is a header of 80 bytes and records of 32, big-endian:
//
//	header: magic 8, SHA-256 of snapshot digest and what was chosen of it 32, rows 8, zero 32
//	record: source file 4, source position 8, part 4, row in the part 4, first 4 bytes of the pair id, part of the view 4, row in it 4
//
// The scratch file from which it is made has records of 44: pair id 16, source file 4, source position 8, part 4, row 4, part of the
// view 4, row in it 4.
const (
	indexMagic  = "STYINDX2"
	indexHeader = 80
	indexRecord = 32

	scratchRecord = 44
	unplaced      = math.MaxUint32 // as a part: no value found yet
	repeat        = 1 << 31        // in the part of the view: an earlier row has the same pair
)

// An Index is the rows of a view in the order of their source, each with the place of its value: a memory-mapped file, made of one
// snapshot and one view, or all. It is safe for concurrent use.
type Index struct {
	t *table.Table
	c choice
}

// place is where a row of a view, and its value, lie.
type place struct {
	source   schemas.Source
	part     int // number in the manifest
	row      int64
	check    [4]byte // the first bytes of its pair id
	viewPart int     // number in the choice
	viewRow  int64
}

// Len returns the number of rows.
func (x *Index) Len() int { return x.t.Len() }

// Source returns the source of row i.
func (x *Index) Source(i int) schemas.Source { return x.at(i).source }

// Close removes the mapping; the file stays, to be opened again.
func (x *Index) Close() error { return x.t.Close() }

func (x *Index) at(i int) place {
	r := x.t.Record(i)
	return place{
		source: schemas.Source{File: int32(binary.BigEndian.Uint32(r)), Pos: int64(binary.BigEndian.Uint64(r[4:]))},
		part:   int(binary.BigEndian.Uint32(r[12:])),
		row:    int64(binary.BigEndian.Uint32(r[16:])),
		check:  [4]byte(r[20:]),

		viewPart: int(binary.BigEndian.Uint32(r[24:])),
		viewRow:  int64(binary.BigEndian.Uint32(r[28:])),
	}
}

// Index returns the index of a view, kept in the local file path: of the newest for "", of all for [AllViews]. A file that is there is
// used if it is of this snapshot and view, and replaced if not. ErrMissingValue names a pair of the view whose value no part has.
//
// Making it sorts in a memory-mapped file beside path, 44 bytes a row, and reads the parts of the view, keys files, and the pair_id columns
// of the parts that the view uses; the heap does not grow with the rows.
func (s *Snapshot) Index(ctx context.Context, view, path string) (*Index, error) {
	c, err := s.choose(view)
	if err != nil {
		return nil, err
	}
	return s.index(ctx, c, path)
}

// Distinct is Index without repeats: of rows that have the same pair the first stays.
func (s *Snapshot) Distinct(ctx context.Context, view, path string) (*Index, error) {
	c, err := s.choose(view)
	if err != nil {
		return nil, err
	}
	c.distinct = true
	return s.index(ctx, c, path)
}

func (s *Snapshot) index(ctx context.Context, c choice, path string) (*Index, error) {
	if x, err := s.openIndex(c, path); err == nil {
		return x, nil
	}
	err := s.buildIndex(ctx, c, path)
	if err == nil {
		var x *Index
		if x, err = s.openIndex(c, path); err == nil {
			return x, nil
		}
	}
	return nil, fmt.Errorf("cache: index of view %s: %w", c.name, err)
}

// indexHeader returns the header of an index of so many rows.
func (s *Snapshot) indexHeader(c choice, rows int) []byte {
	what := s.digest + " " + c.name
	if c.distinct {
		what += " distinct" // no name has a space
	}
	of := sha256.Sum256([]byte(what))
	h := make([]byte, indexHeader)
	copy(h, indexMagic)
	copy(h[8:], of[:])
	binary.BigEndian.PutUint64(h[40:], uint64(rows))
	return h
}

// openIndex maps an index file if it is of that choice and has as many rows as its header says.
func (s *Snapshot) openIndex(c choice, path string) (*Index, error) {
	t, err := table.Map(path, indexHeader, indexRecord, table.Read)
	if err != nil {
		return nil, err
	}
	if string(t.Header()) != string(s.indexHeader(c, t.Len())) {
		t.Close()
		return nil, fmt.Errorf("%s is not of this snapshot and view, or was cut", path)
	}
	return &Index{t, c}, nil
}

// SumsOnly returns the parts, by path, that hold values of rows of an index of this snapshot and have no values of single tokens.
func (s *Snapshot) SumsOnly(ctx context.Context, x *Index) ([]string, error) {
	used := make([]bool, len(s.manifest.Parts))
	for i := range x.Len() {
		if n := x.at(i).part; n < len(used) { // or else Rows says what is wrong
			used[n] = true
		}
	}
	var out []string
	for n, p := range s.manifest.Parts {
		if !used[n] {
			continue
		}
		r, err := part.OpenValues(ctx, s.st, p, s.manifest.Fingerprint)
		if err != nil {
			return nil, fmt.Errorf("cache: %w", damaged(ctx, err))
		}
		if !r.TokenLogps() {
			out = append(out, p.Path)
		}
		r.Close()
	}
	return out, nil
}

// buildIndex writes the index file of a choice.
func (s *Snapshot) buildIndex(ctx context.Context, c choice, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	scratch := path + ".scratch"
	defer os.Remove(scratch)
	if err := s.collect(ctx, c, scratch); err != nil {
		return err
	}
	t, err := table.Map(scratch, 0, scratchRecord, table.ReadWrite)
	if err != nil {
		return err
	}
	defer t.Close()
	t.Sort(0, 28) // by pair id, then source
	rows := t.Len()
	if c.distinct {
		rows -= markRepeats(t)
	}
	for n, p := range s.manifest.Parts {
		if err := s.join(ctx, t, n, p); err != nil {
			return err
		}
	}
	t.Sort(16, 28) // by source
	return writeIndex(path, s.indexHeader(c, rows), t)
}

// markRepeats marks the scratch records, sorted by pair id and then source, that have the pair of an earlier row, and returns their number.
func markRepeats(t *table.Table) (n int) {
	for i := 1; i < t.Len(); i++ {
		if rec := t.Record(i); string(rec[:16]) == string(t.Record(i - 1)[:16]) {
			binary.BigEndian.PutUint32(rec[36:], binary.BigEndian.Uint32(rec[36:])|repeat)
			n++
		}
	}
	return n
}

// collect writes the chosen rows as scratch records without a value.
func (s *Snapshot) collect(ctx context.Context, c choice, path string) error {
	w, err := table.Create(path, nil)
	if err != nil {
		return err
	}
	for n, p := range c.parts {
		if err := s.collectPart(ctx, n, p, w); err != nil {
			w.Close()
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if int64(w.Len()) != c.rows {
		return fmt.Errorf("%w: its parts have %d rows, the manifest says %d", ErrDamaged, w.Len(), c.rows)
	}
	return nil
}

func (s *Snapshot) collectPart(ctx context.Context, n int, p chosenPart, w *table.Writer) error {
	r, err := p.open(ctx, s)
	if err != nil {
		return err
	}
	defer r.Close()
	var rec [scratchRecord]byte
	binary.BigEndian.PutUint32(rec[28:], unplaced)
	binary.BigEndian.PutUint32(rec[36:], uint32(n))
	at := uint32(0)
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			return damaged(ctx, err)
		}
		for _, row := range rows {
			k, err := part.ParseKey(row.PairID)
			if err == nil && (row.SourceFile < 0 || row.SourcePos < 0 || int(row.SourceFile) >= p.inputs) {
				err = fmt.Errorf("row %d has the source %d:%d; the view has %d inputs", at, row.SourceFile, row.SourcePos, p.inputs)
			}
			if err != nil {
				return fmt.Errorf("%w: %s: %w", ErrDamaged, s.st.URL(p.Path), err)
			}
			copy(rec[:], k[:])
			binary.BigEndian.PutUint32(rec[16:], uint32(p.before+int(row.SourceFile)))
			binary.BigEndian.PutUint64(rec[20:], uint64(row.SourcePos))
			binary.BigEndian.PutUint32(rec[40:], at)
			at++
			if err := w.Append(rec[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// errFound ends a look through keys.
var errFound = errors.New("found")

// join gives the scratch records, sorted by pair id, that have no place yet and whose value part n has, their place. A part whose keys
// hold none of the view's pairs is not opened.
func (s *Snapshot) join(ctx context.Context, t *table.Table, n int, p schemas.Part) error {
	at := 0
	err := part.Keys(ctx, s.st, p.Keys, func(k part.Key) error {
		// Both ascend: at is the first record that does not come before k. Far apart they are searched, close together walked.
		if at < t.Len() && string(t.Record(at)[:16]) < string(k[:]) {
			at = t.Search(k[:])
		}
		if at < t.Len() && string(t.Record(at)[:16]) == string(k[:]) {
			return errFound
		}
		return nil
	})
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, errFound):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r, err := part.OpenValues(ctx, s.st, p, s.manifest.Fingerprint)
	if err != nil {
		return damaged(ctx, err)
	}
	defer r.Close()
	err = r.IDs(ctx, func(row int64, k part.Key) error {
		for i := t.Search(k[:]); i < t.Len() && string(t.Record(i)[:16]) == string(k[:]); i++ {
			if rec := t.Record(i); binary.BigEndian.Uint32(rec[28:]) == unplaced {
				binary.BigEndian.PutUint32(rec[28:], uint32(n))
				binary.BigEndian.PutUint32(rec[32:], uint32(row))
			}
		}
		return nil
	})
	if err != nil {
		return damaged(ctx, err)
	}
	return nil
}

// writeIndex writes the index of placed scratch records, sorted by source, but of those that are marked as repeats.
func writeIndex(path string, header []byte, t *table.Table) error {
	temp := path + ".tmp"
	defer os.Remove(temp) // gone by then if all went well
	w, err := table.Create(temp, header)
	if err != nil {
		return err
	}
	var out [indexRecord]byte
	for i := range t.Len() {
		rec := t.Record(i)
		src := schemas.Source{File: int32(binary.BigEndian.Uint32(rec[16:])), Pos: int64(binary.BigEndian.Uint64(rec[20:]))}
		var fault error
		switch {
		case i > 0 && string(t.Record(i - 1)[16:28]) == string(rec[16:28]):
			fault = fmt.Errorf("%w: two rows of the view have the source %d:%d; make the view anew with precompute", ErrDamaged, src.File, src.Pos)
		case binary.BigEndian.Uint32(rec[28:]) == unplaced:
			fault = fmt.Errorf("%w: pair %s of source %d:%d is in no part; run precompute again over the same data", ErrMissingValue, part.Key(rec[:16]), src.File, src.Pos)
		}
		if fault != nil {
			w.Close()
			return fault
		}
		if binary.BigEndian.Uint32(rec[36:])&repeat != 0 {
			continue
		}
		copy(out[:20], rec[16:36])
		copy(out[20:], rec[:4])
		copy(out[24:], rec[36:44])
		if err := w.Append(out[:]); err != nil {
			w.Close()
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
