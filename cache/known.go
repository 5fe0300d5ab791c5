package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Known is the pairs that a snapshot has values of: the mapped keys of its parts. It is safe for concurrent use.
type Known struct {
	mu   sync.RWMutex // a look-up must not meet a mapping that Close removes
	sets []*part.KeySet
}

// Known maps the keys of every part.
func (s *Snapshot) Known(ctx context.Context) (*Known, error) {
	k := &Known{}
	for _, p := range s.manifest.Parts {
		set, err := part.MapKeys(ctx, s.st, p.Keys)
		if err != nil {
			k.Close()
			return nil, fmt.Errorf("cache: keys of the snapshot: %w", damaged(ctx, err))
		}
		k.add(set)
	}
	// Where a pair is looked for first is where most are.
	slices.SortStableFunc(k.sets, func(a, b *part.KeySet) int { return cmp.Compare(b.Len(), a.Len()) })
	return k, nil
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
