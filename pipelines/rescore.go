package pipelines

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// Rescore scores rows of a cache again with the model in a directory and returns an error that names the first row whose values differ in
// a bit, and how many do. It refuses a model whose fingerprint is not the cache's.
func Rescore(ctx context.Context, dir string, made schemas.Fingerprint, rows []schemas.CachedPair) error {
	ref, err := reflogp.Open(ctx, "", dir)
	if err != nil {
		return err
	}
	for _, d := range made.Differ(ref.Fingerprint) {
		return fmt.Errorf("%s of the cache is %s, of %s %s: name the model that the cache was made with", d[0].Name, d[0].Digest, dir, d[1].Digest)
	}
	d, err := checkpoint.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	c, err := d.Config()
	if err != nil {
		return err
	}
	scorer, err := cpu.NewScorer(d, c, cpu.Options{})
	if err != nil {
		return err
	}
	defer scorer.Close()

	window := make([]schemas.TokenPair, len(rows))
	cached := map[schemas.PairID]schemas.CachedPair{}
	for i, row := range rows {
		window[i], cached[row.ID] = row.TokenPair, row
	}
	var first error
	differ := 0
	fault := func(err error) {
		if differ++; first == nil {
			first = err
		}
	}
	err = reflogp.ScoreWindow(ctx, scorer, window, reflogp.DefaultBatchTokens, reflogp.Output{
		Pair: func(p schemas.CachedPair) {
			if err := sameValues(cached[p.ID], p); err != nil {
				fault(err)
			}
		},
		Bad: func(q schemas.Quarantined) { fault(fmt.Errorf("%s: %s", q.Code, q.Reason)) },
	})
	if err != nil {
		return err
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d rows have other values when scored again: %w; make the cache anew with precompute", differ, len(rows), first)
	}
	return nil
}

// sameValues compares what the cache has with what was scored again, to the bit. A cache without token values is held by its sums.
func sameValues(cached, again schemas.CachedPair) error {
	sums := func(p schemas.CachedPair) [2]uint64 {
		return [2]uint64{math.Float64bits(p.RefChosenLogps), math.Float64bits(p.RefRejectedLogps)}
	}
	if sums(cached) != sums(again) {
		return fmt.Errorf("pair %s: sums %v and %v in the cache, %v and %v now", cached.ID,
			cached.RefChosenLogps, cached.RefRejectedLogps, again.RefChosenLogps, again.RefRejectedLogps)
	}
	if cached.RefChosenTokenLogps == nil {
		return nil
	}
	if !slices.Equal(cached.RefChosenTokenLogps, again.RefChosenTokenLogps) || !slices.Equal(cached.RefRejectedTokenLogps, again.RefRejectedTokenLogps) {
		return fmt.Errorf("pair %s: the sums agree and token values do not", cached.ID)
	}
	return nil
}
