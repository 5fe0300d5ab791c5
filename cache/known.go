package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Known is the pairs that a snapshot has values of: a mapped file of their keys. It is safe for concurrent use.
type Known struct {
	mu   sync.RWMutex // a look-up must not meet a mapping that Close removes
	sets []*part.KeySet
}

// Known maps the keys of every part. Those of several parts are merged into a temporary file, 16 bytes a pair, which goes with the Known:
// a look-up is then as fast whatever the number of parts, where runs that end a part a minute make thousands.
func (s *Snapshot) Known(ctx context.Context) (*Known, error) {
	k := &Known{}
	if err := k.open(ctx, s); err != nil {
		k.Close()
		return nil, fmt.Errorf("cache: keys of the snapshot: %w", err)
	}
	return k, nil
}

func (k *Known) open(ctx context.Context, s *Snapshot) error {
	for _, p := range s.manifest.Parts {
		set, err := part.MapKeys(ctx, s.st, p.Keys)
		if err != nil {
			return damaged(ctx, err)
		}
		k.sets = append(k.sets, set)
	}
	if len(k.sets) < 2 {
		return nil
	}
	merged, err := part.MergeKeys(ctx, k.sets)
	if err != nil {
		return err
	}
	err = k.Close()
	k.sets = []*part.KeySet{merged}
	return err
}

// Has reports whether the snapshot has the value of a pair.
func (k *Known) Has(id schemas.PairID) bool {
	key, err := part.ParseKey(id)
	return err == nil && k.has(key)
}

func (k *Known) has(key part.Key) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.ContainsFunc(k.sets, func(s *part.KeySet) bool { return s.Has(key) })
}

// add adds the pairs of one more part.
func (k *Known) add(set *part.KeySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sets = append(k.sets, set)
}

// Close removes the mappings. From then on no pair is known.
func (k *Known) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, s := range k.sets {
		errs = append(errs, s.Close())
	}
	k.sets = nil
	return errors.Join(errs...)
}
