package part

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Reader reads one file of T, a row group at a time. Use it from one goroutine.
type Reader[T any] struct {
	name   string // for messages
	src    storage.Reader
	file   *parquet.File
	ends   []int64 // the number of the first row after each row group
	decode func(parquet.RowGroup) ([]T, error)
}

// OpenValues opens a part of values and compares its size, schema, row count and footer with what the manifest says.
func OpenValues(ctx context.Context, st storage.Store, p schemas.Part, fp schemas.Fingerprint) (*Reader[Value], error) {
	return open(ctx, st, p.FileRef, p.Rows, Footer{p.Run, fp}, decodeValues, valueSchema, sumsSchema)
}

// OpenView opens a file of the view that a run made, likewise.
func OpenView(ctx context.Context, st storage.Store, p schemas.ViewPart, run string) (*Reader[ViewRow], error) {
	return open(ctx, st, p.FileRef, p.Rows, Footer{Run: run}, decodeStructs[ViewRow], viewSchema)
}

// open opens a file that has one of the schemas.
func open[T any](ctx context.Context, st storage.Store, ref schemas.FileRef, rows int64, footer Footer, decode func(parquet.RowGroup) ([]T, error), allowed ...*parquet.Schema) (*Reader[T], error) {
	src, err := st.Open(ctx, ref.Path)
	if err != nil {
		return nil, err
	}
	r := &Reader[T]{name: st.URL(ref.Path), src: src, decode: decode}
	if err := r.check(ref.Bytes, rows, footer, allowed); err != nil {
		src.Close()
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return r, nil
}

func (r *Reader[T]) check(size, rows int64, footer Footer, allowed []*parquet.Schema) error {
	if r.src.Size() != size {
		return fmt.Errorf("it has %d bytes, the manifest says %d: it was cut or changed", r.src.Size(), size)
	}
	err := guard(func() (err error) {
		// The page index is read where a row is looked for; the larger buffer spares small reads.
		r.file, err = parquet.OpenFile(r.src, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<18))
		return err
	})
	if err != nil {
		return fmt.Errorf("its Parquet footer cannot be read: %w", err)
	}
	if err := footer.check(r.file, allowed[0].Name()); err != nil {
		return err
	}
	if !slices.ContainsFunc(allowed, func(s *parquet.Schema) bool { return hasSchema(r.file, s) }) {
		return fmt.Errorf("its columns are not those of docs/format.md:\n%s", r.file.Schema())
	}
	if err := checkCodecs(r.file); err != nil {
		return err
	}
	total := int64(0)
	for _, g := range r.file.RowGroups() {
		if n := g.NumRows(); n < 1 || n > MaxGroupRows {
			return fmt.Errorf("it has a row group of %d rows, want 1 to %d", n, MaxGroupRows)
		}
		total += g.NumRows()
		r.ends = append(r.ends, total)
	}
	if total != rows {
		return fmt.Errorf("it has %d rows, the manifest says %d", total, rows)
	}
	return nil
}

// TokenLogps reports whether the file has the token columns of values.
func (r *Reader[T]) TokenLogps() bool { return parquet.EqualNodes(r.file.Schema(), valueSchema) }

// hasSchema reports whether a file has exactly these columns. A damaged schema can make the comparison itself panic.
func hasSchema(file *parquet.File, want *parquet.Schema) (same bool) {
	err := guard(func() error {
		same = parquet.EqualNodes(file.Schema(), want)
		return nil
	})
	return same && err == nil
}

// checkCodecs refuses compression that no part has. Of a damaged footer it may be any, and what decoders make of bytes that are not theirs
// takes all the memory there is.
func checkCodecs(file *parquet.File) error {
	for _, g := range file.Metadata().RowGroups {
		for _, c := range g.Columns {
			if codec := c.MetaData.Codec; codec != format.Zstd && codec != format.Uncompressed {
				return fmt.Errorf("its pages are said to be compressed with %v, not ZSTD", codec)
			}
		}
	}
	return nil
}

// Groups returns the number of row groups.
func (r *Reader[T]) Groups() int { return len(r.ends) }

// Group returns the number of the row group that a row lies in, and of the group's first row.
func (r *Reader[T]) Group(row int64) (group int, first int64) {
	group = sort.Search(len(r.ends), func(i int) bool { return r.ends[i] > row })
	if group > 0 {
		first = r.ends[group-1]
	}
	return group, first
}

// Read decodes a row group. The rows share memory with each other, none with the file.
func (r *Reader[T]) Read(ctx context.Context, group int) (rows []T, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = guard(func() (err error) {
		rows, err = r.decode(r.file.RowGroups()[group])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: row group %d: %w", r.name, group, err)
	}
	return rows, nil
}

// IDs calls each for the pair id of every row, in the file's order. No other column is read.
func (r *Reader[T]) IDs(ctx context.Context, each func(row int64, k Key) error) error {
	row := int64(0)
	for i, g := range r.file.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys := make([]Key, g.NumRows())
		err := guard(func() (err error) {
			var bad error
			err = eachValue(g.ColumnChunks()[0], len(keys), func(row int, x parquet.Value) {
				if k, err := ParseKey(string(x.ByteArray())); err != nil && bad == nil {
					bad = err
				} else {
					keys[row] = k
				}
			})
			return errors.Join(err, bad)
		})
		if err != nil {
			return fmt.Errorf("%s: row group %d: pair_id: %w", r.name, i, err)
		}
		for _, k := range keys {
			if err := each(row, k); err != nil {
				return err
			}
			row++
		}
	}
	return nil
}

// Close closes the file.
func (r *Reader[T]) Close() error { return r.src.Close() }

// guard turns a panic of the Parquet decoder, which damaged bytes can cause, into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder gave up: %v", p)
		}
	}()
	return f()
}
