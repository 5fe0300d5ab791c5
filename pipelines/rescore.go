package pipelines

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// A Rescorer scores pairs of a cache again with a model, which is loaded with the first of them.
type Rescorer struct {
	model  reflogp.Model
	open   *checkpoint.Dir
	added  *adapter.Adapter
	scorer model.Scorer
}

// NewRescorer returns a rescorer of a model. Close it.
func NewRescorer(m reflogp.Model) *Rescorer { return &Rescorer{model: m} }

// Score gives every row to scored, with its values, or to refused with the reason why there are none, in any order. It refuses a model
// whose fingerprint is not made, the cache's. It is an upkeep.Score.
func (r *Rescorer) Score(ctx context.Context, made schemas.Fingerprint, rows []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error {
	if err := r.load(ctx, made); err != nil {
		return err
	}
	return reflogp.ScoreWindow(ctx, r.scorer, rows, reflogp.DefaultBatchTokens, reflogp.Output{Pair: scored, Bad: refused})
}

func (r *Rescorer) load(ctx context.Context, made schemas.Fingerprint) error {
	if r.scorer != nil {
		return nil
	}
	ref, err := reflogp.Open(ctx, "", r.model)
	if err != nil {
		return err
	}
	var faults []string
	for _, d := range made.Differ(ref.Fingerprint) {
		faults = append(faults, fmt.Sprintf("%s of the cache is %s, of %s %s", d[0].Name, d[0].Digest, r.model.Dir, d[1].Digest))
	}
	if faults != nil {
		return fmt.Errorf("%s: name the model that the cache was made with, and what was done to it", strings.Join(faults, "; "))
	}
	d, c, err := r.model.Open()
	if err != nil {
		return err
	}
	added, err := r.model.OpenAdapter(c)
	if err == nil {
		r.scorer, err = cpu.NewScorer(d, c, r.model.CPU(0, added))
	}
	if err != nil {
		return errors.Join(err, added.Close(), d.Close())
	}
	r.open, r.added = d, added
	return nil
}

// Close lets the model go.
func (r *Rescorer) Close() error {
	if r.scorer == nil {
		return nil
	}
	return errors.Join(r.scorer.Close(), r.added.Close(), r.open.Close())
}

// RepairRun returns the record of a repair of a cache that this process begins now.
func RepairRun(program string) schemas.Run {
	now := time.Now().UTC().Truncate(time.Second)
	return schemas.Run{ID: NewRunID(now), Owner: owner(), Program: program, Runner: "repair", Started: now}
}
