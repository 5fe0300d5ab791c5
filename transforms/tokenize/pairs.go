package tokenize

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

func init() {
	register.DoFn4x1[context.Context, schemas.Pair, func(schemas.TokenPair), func(schemas.Quarantined), error](&pairsFn{})
	register.Emitter1[schemas.TokenPair]()
	register.Emitter1[schemas.Quarantined]()
}

// Pairs tokenizes preference pairs.
//
//	PCollection<schemas.Pair> → PCollection<schemas.TokenPair>, PCollection<schemas.Quarantined>
//
// It panics where the options can't work.
func Pairs(s beam.Scope, pairs beam.PCollection, o Options) (tokens, bad beam.PCollection) {
	s = s.Scope("tokenize.Pairs")
	if err := o.Validate(); err != nil {
		panic(fmt.Sprintf("tokenize.Pairs: %v", err))
	}
	return beam.ParDo2(s, &pairsFn{Options: o}, pairs)
}

// encoders holds an Encoder for every set of options, once a process.
var encoders dofn.Shared[*Encoder]

// Open returns the encoder of the options, made once a process and run. A launcher that calls it finds every fault of a tokenizer or
// template before any work.
func Open(ctx context.Context, o Options) (*Encoder, error) {
	key, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	return encoders.Get(ctx, string(key), func(context.Context) (*Encoder, error) { return NewEncoder(o) })
}

type pairsFn struct {
	Options Options `json:"options"`

	encoder  *Encoder
	codes    dofn.Codes
	diverged beam.Counter
	cut      beam.Counter
}

// Setup loads nothing: a bundle that is slow to start is never split (the encoder comes with the first pair).
func (f *pairsFn) Setup() {
	f.diverged = beam.NewCounter(dofn.Namespace, "diverged")
	f.cut = beam.NewCounter(dofn.Namespace, "truncated")
}

func (f *pairsFn) ProcessElement(ctx context.Context, p schemas.Pair, tokens func(schemas.TokenPair), bad func(schemas.Quarantined)) error {
	if f.encoder == nil {
		var err error
		if f.encoder, err = Open(ctx, f.Options); err != nil {
			return err
		}
	}
	t, q := f.encode(p)
	if q != nil {
		f.codes.Count(ctx, q.Code)
		dofn.ProgressOf(f.Options.Run).Quarantined.Add(1)
		bad(*q)
		return nil
	}
	if t.Diverged {
		f.diverged.Inc(ctx, 1)
	}
	if t.ChosenTruncated || t.RejectedTruncated {
		f.cut.Inc(ctx, 1)
	}
	tokens(t)
	return nil
}

// encode is Encode that blames the row for a panic.
func (f *pairsFn) encode(p schemas.Pair) (t schemas.TokenPair, q *schemas.Quarantined) {
	err := dofn.Guard(func() error {
		t, q = f.encoder.Encode(p)
		return nil
	})
	if err != nil {
		return t, &schemas.Quarantined{Source: p.Source, Code: schemas.CodeInternal, Reason: fmt.Sprintf("tokenize: %v", err), Raw: p.Raw}
	}
	return t, q
}
