package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// An Overview is what is in a directory, be it a cache or not yet.
type Overview struct {
	Digest   string           // of the newest snapshot; "" while the directory is not a cache
	Manifest schemas.Manifest // zero while the directory is not a cache
	Views    []schemas.View   // oldest first
	Runs     []schemas.Run    // by id, which is by time
	Staged   []Leftover       // by run
}

// A Leftover is what a run has below tmp/ and did not commit, or not yet.
type Leftover struct {
	Run   string
	Files int
	Bytes int64
}

// Status says what is in a directory. It is no error if that is no cache; ErrDamaged if what is there cannot be read.
func Status(ctx context.Context, st storage.Store) (Overview, error) {
	var o Overview
	s, err := cache.Open(ctx, st)
	switch {
	case err == nil:
		o.Digest, o.Manifest = s.Digest(), s.Manifest()
		for _, v := range o.Manifest.Views {
			info, err := s.ViewInfo(v.Name)
			if err != nil {
				return o, fmt.Errorf("upkeep: status: %w", err)
			}
			o.Views = append(o.Views, info)
		}
	case !errors.Is(err, cache.ErrNoCache):
		return o, fmt.Errorf("upkeep: status: %w", err)
	}
	if o.Runs, err = layout.ReadRuns(ctx, st); err != nil {
		return o, fmt.Errorf("upkeep: status: %w", err)
	}
	staged, err := st.List(ctx, "tmp/")
	if err != nil {
		return o, fmt.Errorf("upkeep: status: %w", err)
	}
	for _, f := range staged {
		run, _, ok := strings.Cut(strings.TrimPrefix(f.Name, "tmp/"), "/")
		if !ok {
			continue
		}
		if n := len(o.Staged); n == 0 || o.Staged[n-1].Run != run {
			o.Staged = append(o.Staged, Leftover{Run: run})
		}
		last := &o.Staged[len(o.Staged)-1]
		last.Files++
		last.Bytes += f.Size
	}
	return o, nil
}
