package upkeep

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/perm"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A window is rows of values that are scored again at a time: at most as many, and as large, as a row group.
type window struct {
	rows   []part.Value
	places []place
	bytes  int
}

// A place is a row of a part.
type place struct {
	path string
	row  int64
}

// rescore scores a sample of the rows of sound parts again and compares their values.
func (v *verifier) rescore(ctx context.Context, o VerifyOptions) error {
	if o.Score == nil {
		return nil
	}
	var parts []schemas.Part
	total := 0
	for _, p := range v.m.Parts {
		if v.wrong[p.Path] == "" {
			parts = append(parts, p)
			total += int(p.Rows)
		}
	}
	if o.Sample <= 0 {
		o.Sample = 16
	}
	// Of a permutation of all rows those are the sample that go to a place below its size: as many, and no list of them is kept.
	shuffled := perm.New(o.Seed, total)
	var w window
	at := 0
	for _, p := range parts {
		in := func(row int64) bool { return o.Sample >= total || shuffled.At(at+int(row)) < o.Sample }
		if err := v.rescorePart(ctx, o.Score, p, in, &w); err != nil {
			return err
		}
		at += int(p.Rows)
	}
	return v.rescoreWindow(ctx, o.Score, &w)
}

// rescorePart adds the rows of a part that are in the sample to the window, and scores it whenever it is full.
func (v *verifier) rescorePart(ctx context.Context, score Score, p schemas.Part, in func(row int64) bool, w *window) error {
	r, err := part.OpenValues(ctx, v.st, p, v.m.Fingerprint)
	if err != nil {
		return err
	}
	defer r.Close()
	var rows []part.Value
	read := int64(-1) // first row of those
	for row := range p.Rows {
		if !in(row) {
			continue
		}
		group, first := r.Group(row)
		if first != read {
			if rows, err = r.Read(ctx, group); err != nil {
				return err
			}
			read = first
		}
		// A copy, or a few rows would keep whole row groups in memory.
		x := rows[row-first]
		x.PromptIDs, x.ChosenIDs, x.RejectedIDs = slices.Clone(x.PromptIDs), slices.Clone(x.ChosenIDs), slices.Clone(x.RejectedIDs)
		x.RefChosenTokenLogps, x.RefRejectedTokenLogps = slices.Clone(x.RefChosenTokenLogps), slices.Clone(x.RefRejectedTokenLogps)
		w.rows, w.places, w.bytes = append(w.rows, x), append(w.places, place{p.Path, row}), w.bytes+x.Bytes()
		if len(w.rows) >= part.MaxGroupRows || w.bytes >= part.MaxGroupBytes {
			if err := v.rescoreWindow(ctx, score, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// rescoreWindow scores the rows of a window and empties it.
func (v *verifier) rescoreWindow(ctx context.Context, score Score, w *window) error {
	if len(w.rows) == 0 {
		return nil
	}
	pairs := make([]schemas.TokenPair, len(w.rows))
	for i := range w.rows {
		pairs[i] = w.rows[i].Pair().TokenPair
		pairs[i].Source.Pos = int64(i)
	}
	done := 0
	err := score(ctx, v.m.Fingerprint, pairs, func(again schemas.CachedPair) {
		done++
		i := again.Source.Pos
		if err := sameValues(&w.rows[i], &again); err != nil {
			v.fault(w.places[i].path, w.places[i].row, cureScore, "%v", err)
		}
	}, func(q schemas.Quarantined) {
		done++
		i := q.Source.Pos
		v.fault(w.places[i].path, w.places[i].row, cureScore, "pair %s has values, and scored again it has none: %s: %s", w.rows[i].PairID, q.Code, q.Reason)
	})
	if err == nil && done != len(pairs) {
		err = fmt.Errorf("of %d rows that were to be scored again %d were", len(pairs), done)
	}
	v.report.Rescored += int64(done)
	*w = window{}
	return err
}

// sameValues compares what the cache has with what was scored again, to the bit. A part without token values is held by its sums.
func sameValues(cached *part.Value, again *schemas.CachedPair) error {
	if math.Float64bits(cached.RefChosenLogps) != math.Float64bits(again.RefChosenLogps) || math.Float64bits(cached.RefRejectedLogps) != math.Float64bits(again.RefRejectedLogps) {
		return fmt.Errorf("pair %s has the sums %v and %v, scored again it has %v and %v", cached.PairID,
			cached.RefChosenLogps, cached.RefRejectedLogps, again.RefChosenLogps, again.RefRejectedLogps)
	}
	if cached.RefChosenTokenLogps == nil {
		return nil
	}
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
	if !slices.EqualFunc(cached.RefChosenTokenLogps, again.RefChosenTokenLogps, same) || !slices.EqualFunc(cached.RefRejectedTokenLogps, again.RefRejectedTokenLogps, same) {
		return fmt.Errorf("pair %s has the sums that it has scored again, and other token values", cached.PairID)
	}
	return nil
}
