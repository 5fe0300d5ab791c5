package part

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Reader reads one file of T, a row group at a time. Use it from one goroutine.
type Reader[T any] struct {
	name string // for messages
	src  storage.Reader
	file *parquet.File
	ends []int64 // the number of the first row after each row group
	cols Columns
}

// OpenValues opens a part of values and compares its size, schema, row count and footer with what the manifest says.
func OpenValues(ctx context.Context, st storage.Store, p schemas.Part, fp schemas.Fingerprint) (*Reader[Value], error) {
	return open[Value](ctx, st, p.FileRef, p.Rows, Footer{p.Run, fp}, valueSchema, sumsSchema)
}

// OpenView opens a file of the view that a run made, likewise.
func OpenView(ctx context.Context, st storage.Store, p schemas.ViewPart, run string) (*Reader[ViewRow], error) {
	return open[ViewRow](ctx, st, p.FileRef, p.Rows, Footer{Run: run}, viewSchema)
}

// open opens a file that has one of the schemas.
func open[T any](ctx context.Context, st storage.Store, ref schemas.FileRef, rows int64, footer Footer, allowed ...*parquet.Schema) (*Reader[T], error) {
	src, err := st.Open(ctx, ref.Path)
	if err != nil {
		return nil, err
	}
	r := &Reader[T]{name: st.URL(ref.Path), src: src}
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
	found := false
	for _, s := range allowed {
		if parquet.EqualNodes(r.file.Schema(), s) {
			found = true
			r.cols = SumsOnly
			if s == valueSchema {
				r.cols = WithTokenLogps
			}
		}
	}
	if !found {
		return fmt.Errorf("its columns are not those of docs/format.md:\n%s", r.file.Schema())
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

// Columns tells which columns a part of values has.
func (r *Reader[T]) Columns() Columns { return r.cols }

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

// Read decodes a row group. The rows share no memory with the file.
func (r *Reader[T]) Read(ctx context.Context, group int) ([]T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g := r.file.RowGroups()[group]
	rows := make([]T, g.NumRows())
	err := guard(func() error {
		in := parquet.NewGenericRowGroupReader[T](g)
		defer in.Close()
		n, err := in.Read(rows)
		if n == len(rows) && (err == nil || errors.Is(err, io.EOF)) {
			return nil
		}
		return fmt.Errorf("row %d of %d: %w", n, len(rows), errors.Join(err, io.ErrUnexpectedEOF))
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
		var keys []Key
		err := guard(func() (err error) {
			keys, err = ids(g.ColumnChunks()[0])
			return err
		})
		if err == nil && int64(len(keys)) != g.NumRows() {
			err = fmt.Errorf("%d rows have %d pair ids", g.NumRows(), len(keys))
		}
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

// ids reads a column of pair ids.
func ids(c parquet.ColumnChunk) ([]Key, error) {
	pages := c.Pages()
	defer pages.Close()
	var out []Key
	values := make([]parquet.Value, 256)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for in := page.Values(); ; {
			n, err := in.ReadValues(values)
			for _, v := range values[:n] {
				k, err := ParseKey(string(v.ByteArray()))
				if err != nil {
					parquet.Release(page)
					return nil, err
				}
				out = append(out, k)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				parquet.Release(page)
				return nil, err
			}
		}
		parquet.Release(page)
	}
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
