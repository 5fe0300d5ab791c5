package part

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/steelyard-ml/steelyard/internal/parquetfile"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Reader reads one file of T, a row group or a row at a time. Use it from one goroutine.
type Reader[T any] struct {
	name    string // for messages
	src     storage.Reader
	file    *parquet.File
	ends    []int64 // the number of the first row after each row group
	columns map[string]column[T]
}

// OpenValues opens a part of values and compares its size, schema, row count and footer with what the manifest says.
func OpenValues(ctx context.Context, st storage.Store, p schemas.Part, fp schemas.Fingerprint) (*Reader[Value], error) {
	return open(ctx, st, p.FileRef, p.Rows, Footer{p.Run, fp}, valueColumns, valueSchema, sumsSchema)
}

// OpenView opens a file of the view that a run made, likewise.
func OpenView(ctx context.Context, st storage.Store, p schemas.ViewPart, run string) (*Reader[ViewRow], error) {
	return open(ctx, st, p.FileRef, p.Rows, Footer{Run: run}, viewColumns, viewSchema)
}

// open opens a file that has one of the schemas.
func open[T any](ctx context.Context, st storage.Store, ref schemas.FileRef, rows int64, footer Footer, columns map[string]column[T], allowed ...*parquet.Schema) (*Reader[T], error) {
	src, err := st.Open(ctx, ref.Path)
	if err != nil {
		return nil, err
	}
	r := &Reader[T]{name: st.URL(ref.Path), src: src, columns: columns}
	if err := guard(func() error { return r.check(ref.Bytes, rows, footer, allowed) }); err != nil {
		src.Close()
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return r, nil
}

func (r *Reader[T]) check(size, rows int64, footer Footer, allowed []*parquet.Schema) error {
	if r.src.Size() != size {
		return fmt.Errorf("it has %d bytes, the manifest says %d: it was cut or changed", r.src.Size(), size)
	}
	var err error
	// The page index is read where rows are.
	r.file, err = parquetfile.Open(r.src, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
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

// rowBytes is about what a decoded row takes besides its lists.
const rowBytes = 200

// Size returns about how many bytes of memory a decoded row group takes, by what the footer says of it.
func (r *Reader[T]) Size(group int) int64 {
	g := &r.file.Metadata().RowGroups[group]
	size := g.NumRows * rowBytes
	for _, c := range g.Columns {
		if len(c.MetaData.PathInSchema) > 1 { // a list
			size += 4 * c.MetaData.NumValues
		}
	}
	return size
}

// Read decodes a row group. The rows share memory with each other, none with the file.
func (r *Reader[T]) Read(ctx context.Context, group int) ([]T, error) {
	rows, _, err := r.read(ctx, group, 0, r.file.RowGroups()[group].NumRows())
	return rows, err
}

// Row decodes one row: of each column the page that holds it, and the dictionary if there is one. It says which share of the row group's
// bytes, more than 0 and at most 1, it read and decoded for that.
func (r *Reader[T]) Row(ctx context.Context, row int64) (v *T, share float64, err error) {
	group, first := r.Group(row)
	rows, share, err := r.read(ctx, group, row-first, row-first+1)
	if err != nil {
		return nil, 0, err
	}
	return &rows[0], share, nil
}

// read decodes the rows from..to of a row group.
func (r *Reader[T]) read(ctx context.Context, group int, from, to int64) (rows []T, share float64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	rows = make([]T, to-from)
	err = guard(func() error {
		chunks, err := r.chunks(group, from, to)
		if err != nil {
			return err
		}
		read, all := int64(0), int64(0)
		for i := range chunks {
			c := &chunks[i]
			if err := r.columns[c.name](c, rows); err != nil {
				return fmt.Errorf("column %s: %w", c.name, err)
			}
			read, all = read+c.size(), all+c.meta.TotalCompressedSize
		}
		share = float64(read) / float64(all)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("%s: row group %d: %w", r.name, group, err)
	}
	return rows, share, nil
}

// IDs calls each for the pair id of every row, in the file's order. No other column is read.
func (r *Reader[T]) IDs(ctx context.Context, each func(row int64, k Key) error) error {
	row := int64(0)
	for i, g := range r.file.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys := make([]Key, g.NumRows())
		err := guard(func() error {
			chunks, err := r.chunks(i, 0, g.NumRows())
			if err != nil {
				return err
			}
			var bad error
			err = eachValue(&chunks[0], len(keys), func(row int, x parquet.Value) {
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
