package upkeep

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/internal/table"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Sharing is what the views of a snapshot have in common.
type Sharing struct {
	Pairs int64 // distinct pairs that have a value
	Views []Use // oldest first
	// Pairs that have a value and that no view has, and about how many bytes of the parts they take: the share of a part's rows is taken for
	// that of its bytes.
	Unused      int64
	UnusedBytes int64
}

// A Use is what a view uses of a cache.
type Use struct {
	View    string
	Rows    int64
	Pairs   int64 // distinct
	Shared  int64 // of them: in another view as well
	Alone   int64 // of them: in no other view
	Missing int64 // of them: without a value, which Verify tells more of
}

// A use record is pair id 16, and who has the pair 4: the number of a part, or that of a view with ofView set, so that parts come first.
const (
	useRecord = 20
	ofView    = 1 << 31
)

// Share says what the views of the newest snapshot share. It reads the keys of every part and the pair_id column of every view, and sorts in
// a memory-mapped file below scratch ("" is os.TempDir), 20 bytes a key and a row; the heap does not grow with them. cache.ErrNoCache where
// there is none, ErrDamaged where a file cannot be read.
func Share(ctx context.Context, st storage.Store, scratch string) (Sharing, error) {
	s, err := share(ctx, st, scratch)
	if err != nil {
		return s, fmt.Errorf("upkeep: share: %w", err)
	}
	return s, nil
}

func share(ctx context.Context, st storage.Store, scratch string) (Sharing, error) {
	snap, err := cache.Open(ctx, st)
	if err != nil {
		return Sharing{}, err
	}
	m := snap.Manifest()
	dir, err := os.MkdirTemp(scratch, "steelyard-share-")
	if err != nil {
		return Sharing{}, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "uses")
	w, err := table.Create(file, nil)
	if err != nil {
		return Sharing{}, err
	}
	if err := errors.Join(collectUses(ctx, st, m, w), w.Close()); err != nil {
		return Sharing{}, err
	}
	t, err := table.Map(file, 0, useRecord, table.ReadWrite)
	if err != nil {
		return Sharing{}, err
	}
	defer t.Close()
	t.Sort(0, useRecord)
	return countUses(t, m), nil
}

// collectUses writes a record for every key of a part and for every row of a view.
func collectUses(ctx context.Context, st storage.Store, m schemas.Manifest, w *table.Writer) error {
	var rec [useRecord]byte
	add := func(k part.Key, who int) error {
		copy(rec[:], k[:])
		binary.BigEndian.PutUint32(rec[16:], uint32(who))
		return w.Append(rec[:])
	}
	for n, p := range m.Parts {
		if err := part.Keys(ctx, st, p.Keys, func(k part.Key) error { return add(k, n) }); err != nil {
			return damaged(ctx, err)
		}
	}
	for n, v := range m.Views {
		for _, p := range v.Parts {
			r, err := part.OpenView(ctx, st, p, v.Name)
			if err != nil {
				return damaged(ctx, err)
			}
			err = r.IDs(ctx, func(_ int64, k part.Key) error { return add(k, ofView|n) })
			r.Close()
			if err != nil {
				return damaged(ctx, err)
			}
		}
	}
	return nil
}

// damaged marks an error of a file, unless it is that the caller gave up.
func damaged(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, cache.ErrVersion) {
		return err
	}
	return fmt.Errorf("%w: %w", cache.ErrDamaged, err)
}

// countUses goes through the sorted records, pair by pair.
func countUses(t *table.Table, m schemas.Manifest) Sharing {
	var s Sharing
	for _, v := range m.Views {
		s.Views = append(s.Views, Use{View: v.Name, Rows: v.Rows})
	}
	unused := make([]int64, len(m.Parts)) // rows of each part
	var parts, views []int                // of one pair
	for from := 0; from < t.Len(); {
		parts, views = parts[:0], views[:0]
		to := from
		for ; to < t.Len() && bytes.Equal(t.Record(to)[:16], t.Record(from)[:16]); to++ {
			who := int(binary.BigEndian.Uint32(t.Record(to)[16:]))
			switch {
			case who < ofView:
				parts = append(parts, who)
			case len(views) == 0 || views[len(views)-1] != who-ofView:
				views = append(views, who-ofView)
			}
		}
		from = to
		if len(parts) > 0 {
			s.Pairs++
		}
		if len(views) == 0 {
			s.Unused++
			for _, n := range parts {
				unused[n]++
			}
		}
		for _, n := range views {
			u := &s.Views[n]
			u.Pairs++
			if len(views) > 1 {
				u.Shared++
			} else {
				u.Alone++
			}
			if len(parts) == 0 {
				u.Missing++
			}
		}
	}
	for n, p := range m.Parts {
		if p.Rows > 0 {
			s.UnusedBytes += int64(float64(p.Bytes) * float64(unused[n]) / float64(p.Rows))
		}
	}
	return s
}
