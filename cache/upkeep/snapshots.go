package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/storage"
)

// A snapshot is what of a manifest says how it stands to others.
type snapshot struct {
	previous string // the digest of the one that it grew from
	created  time.Time
	view     string // its newest; "" if it has none
}

// readSnapshots returns the snapshots of manifests/ by digest, whether they ever were in force or not. It calls damaged for each file that
// is not one.
func readSnapshots(ctx context.Context, st storage.Store, damaged func(path, what string)) (map[string]snapshot, error) {
	objects, err := st.List(ctx, "manifests/")
	if err != nil {
		return nil, err
	}
	out := map[string]snapshot{}
	for _, o := range objects {
		b, err := layout.Get(ctx, st, o.Name)
		if errors.Is(err, storage.ErrNotExist) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		digest := layout.Digest(b)
		if o.Name != layout.Manifest(digest) {
			damaged(o.Name, fmt.Sprintf("its SHA-256 is %s, which is not its name", digest))
			continue
		}
		m, err := manifest.Decode(st.URL(o.Name), b)
		switch {
		case errors.Is(err, cache.ErrDamaged):
			damaged(o.Name, err.Error())
			continue
		case err != nil:
			return nil, err
		}
		s := snapshot{previous: m.Previous, created: m.Created}
		if n := len(m.Views); n > 0 {
			s.view = m.Views[n-1].Name
		}
		out[digest] = s
	}
	return out, nil
}

func noCache(st storage.Store) error {
	return fmt.Errorf("%w: %s has no manifest.json; name the directory of a cache, or let precompute finish there", cache.ErrNoCache, st.URL(""))
}
