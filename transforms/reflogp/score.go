package reflogp

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

func init() {
	register.DoFn4x1[context.Context, schemas.TokenPair, func(schemas.CachedPair), func(schemas.Quarantined), error](&scoreFn{})
	register.Emitter1[schemas.CachedPair]()
	register.Emitter1[schemas.Quarantined]()
}

// Score gives token pairs the reference's log-probabilities.
//
//	PCollection<schemas.TokenPair> → PCollection<schemas.CachedPair>, PCollection<schemas.Quarantined>
//
// It panics where the options can't work.
func Score(s beam.Scope, pairs beam.PCollection, o Options) (scored, bad beam.PCollection) {
	s = s.Scope("reflogp.Score")
	if err := o.Validate(); err != nil {
		panic(fmt.Sprintf("reflogp.Score: %v", err))
	}
	return beam.ParDo2(s, &scoreFn{Options: o.withDefaults()}, pairs)
}

type scoreFn struct {
	Options Options `json:"options"`

	scorer   model.Scorer
	window   []schemas.TokenPair
	bytes    int64
	counters counters
}

func (f *scoreFn) Setup() { f.counters = newCounters() }

// StartBundle drops what an earlier bundle left that never finished.
func (f *scoreFn) StartBundle(context.Context, func(schemas.CachedPair), func(schemas.Quarantined)) {
	f.window, f.bytes = nil, 0
}

func (f *scoreFn) ProcessElement(ctx context.Context, p schemas.TokenPair, scored func(schemas.CachedPair), bad func(schemas.Quarantined)) error {
	f.window = append(f.window, p)
	f.bytes += size(p)
	if len(f.window) < f.Options.WindowRows && f.bytes < f.Options.WindowBytes {
		return nil
	}
	return f.flush(ctx, scored, bad)
}

func (f *scoreFn) FinishBundle(ctx context.Context, scored func(schemas.CachedPair), bad func(schemas.Quarantined)) error {
	if len(f.window) == 0 {
		return nil
	}
	return f.flush(ctx, scored, bad)
}

// flush scores the window and empties it.
func (f *scoreFn) flush(ctx context.Context, scored func(schemas.CachedPair), bad func(schemas.Quarantined)) error {
	if f.scorer == nil {
		m, err := load(ctx, f.Options)
		if err != nil {
			return err
		}
		f.scorer = m
		f.counters.loaded(ctx, m)
	}
	p := dofn.ProgressOf(f.Options.Run)
	err := ScoreWindow(ctx, f.scorer, f.window, f.Options.BatchTokens, Output{
		Pair: func(c schemas.CachedPair) {
			p.Rows.Add(1)
			scored(c)
		},
		Bad: func(q schemas.Quarantined) {
			p.Quarantined.Add(1)
			f.counters.codes.Count(ctx, q.Code)
			bad(q)
		},
		Batch: func(b Batch) {
			if b.Err == nil {
				p.Tokens.Add(int64(b.Tokens))
			}
			f.counters.batch(ctx, b)
		},
	})
	clear(f.window) // the room stays, its rows go
	f.window, f.bytes = f.window[:0], 0
	return err
}

// size is about what a pair takes in memory.
func size(p schemas.TokenPair) int64 {
	const fixed = 256 // the struct, slice headers and the id
	return int64(fixed + 4*(len(p.PromptIDs)+len(p.ChosenIDs)+len(p.RejectedIDs)) + len(p.Meta) + len(p.Raw))
}
