package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Options say what is exported. The zero value is the newest view as it is.
type Options struct {
	View   string // as in cache.Snapshot.Index: "" is the newest view, cache.AllViews all
	Dedupe bool   // of rows that have the same pair only the first
	// Progress, if set, is told of every row that was written.
	Progress func(Progress)
	// Scratch is a local directory for tables of up to 76 bytes a row; "" is that of os.TempDir.
	Scratch string
}

// A Progress is how far an export is.
type Progress struct {
	Rows, Total int   // rows written, rows in all
	Tokens      int64 // token ids written
}

// A Summary is what was exported.
type Summary struct {
	File       string `json:"file"`
	Bytes      int64  `json:"bytes"`
	Snapshot   string `json:"snapshot"` // its digest
	View       string `json:"view"`
	Rows       int    `json:"rows"`
	RowGroups  int    `json:"row_groups"`
	Tokens     int64  `json:"tokens"`      // token ids: prompts, chosen and rejected
	TokenLogps bool   `json:"token_logps"` // the values of single tokens are there
	// SumsOnly are the parts that have no values of single tokens, for which the token columns were left out.
	SumsOnly []string `json:"sums_only,omitempty"`
}

// Write writes a view of a snapshot to an object of a store, which appears whole or not at all; storage.ErrExist where one is there.
//
// The token columns are in the file if every part that the view uses has them, and else left out for all rows. Rows are read one after
// another, so that memory does not grow with them.
func Write(ctx context.Context, s *cache.Snapshot, dst storage.Store, name string, o Options) (Summary, error) {
	sum, err := write(ctx, s, dst, name, o)
	if err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	return sum, nil
}

func write(ctx context.Context, s *cache.Snapshot, dst storage.Store, name string, o Options) (Summary, error) {
	if _, err := dst.Stat(ctx, name); err == nil {
		return Summary{}, fmt.Errorf("%w: remove %s, or name another file", storage.ErrExist, dst.URL(name))
	} else if !errors.Is(err, storage.ErrNotExist) {
		return Summary{}, err
	}
	view, err := s.ViewInfo(o.View)
	if err != nil {
		return Summary{}, err
	}
	dir, err := os.MkdirTemp(o.Scratch, "steelyard-export-")
	if err != nil {
		return Summary{}, err
	}
	defer os.RemoveAll(dir)
	index := s.Index
	if o.Dedupe {
		index = s.Distinct
	}
	x, err := index(ctx, view.Name, filepath.Join(dir, "index"))
	if err != nil {
		return Summary{}, err
	}
	defer x.Close()
	lacking, err := s.SumsOnly(ctx, x)
	if err != nil {
		return Summary{}, err
	}
	parquetOptions, err := options(s, view, o.Dedupe)
	if err != nil {
		return Summary{}, err
	}
	w, err := dst.Create(ctx, name, storage.IfAbsent)
	if err != nil {
		return Summary{}, err
	}
	t := &table{
		Summary: Summary{File: dst.URL(name), Snapshot: s.Digest(), View: view.Name, TokenLogps: len(lacking) == 0, SumsOnly: lacking},
		options: parquetOptions, rows: join{x, s.Rows(x), s.Metas(x), view.Inputs}, progress: o.Progress,
	}
	defer t.rows.close()
	counted := &counter{w: w}
	if t.TokenLogps {
		err = copyRows(ctx, t, counted, (*joined).full)
	} else {
		err = copyRows(ctx, t, counted, (*joined).sums)
	}
	if err != nil {
		w.Abort()
		return Summary{}, err
	}
	t.Bytes = counted.n
	return t.Summary, w.Close()
}

// A join reads rows of a view with their values.
type join struct {
	*cache.Index
	values *cache.RowReader
	metas  *cache.MetaReader
	inputs []schemas.ViewInput
}

func (r join) at(ctx context.Context, i int) (j joined, err error) {
	if j.CachedPair, err = r.values.At(ctx, i); err != nil {
		return j, err
	}
	j.Meta, err = r.metas.At(ctx, i)
	j.path = r.inputs[j.Source.File].Path // Index made sure that it is there
	return j, err
}

func (r join) close() {
	r.values.Close()
	r.metas.Close()
}

// A table is an export being written.
type table struct {
	Summary
	options  []parquet.WriterOption
	rows     join
	progress func(Progress)
}

// Bounds of a row group. It ends with the row that reaches one of the first two, unless a file of so many rows would then have more than
// maxGroups: Parquet allows 32,767, and whoever writes or reads a file holds a description of each, 15 kB. Variables for tests.
var (
	groupRows  = 4096
	groupBytes = 32 << 20 // of values, before encoding
	maxGroups  = 8192
)

// copyRows writes all rows, each made a T.
func copyRows[T any](ctx context.Context, t *table, dst io.Writer, row func(*joined) T) error {
	w := parquet.NewGenericWriter[T](dst, t.options...)
	total := t.rows.Len()
	least := (total + maxGroups - 1) / maxGroups // rows of a group
	rows, bytes := 0, 0                          // of the group
	for i := range total {
		if err := ctx.Err(); err != nil {
			return err
		}
		j, err := t.rows.at(ctx, i)
		if err != nil {
			return err
		}
		if _, err := w.Write([]T{row(&j)}); err != nil {
			return err
		}
		rows, bytes = rows+1, bytes+j.bytes()
		t.Rows, t.Tokens = t.Rows+1, t.Tokens+int64(j.tokens())
		if i == total-1 || rows >= least && (rows >= groupRows || bytes >= groupBytes) {
			if err := w.Flush(); err != nil {
				return err
			}
			rows, bytes = 0, 0
			t.RowGroups++
		}
		if t.progress != nil {
			t.progress(Progress{t.Rows, total, t.Tokens})
		}
	}
	return w.Close()
}

// A counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
