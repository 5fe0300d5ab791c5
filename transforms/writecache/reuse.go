package writecache

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

func init() {
	register.DoFn4x1[context.Context, schemas.TokenPair, func(schemas.TokenPair), func(schemas.TokenPair), error](&splitFn{})
	register.DoFn3x1[context.Context, schemas.TokenPair, func(cache.Done), error](&reusedFn{})
	register.Emitter1[schemas.TokenPair]()
}

// Split parts pairs into those whose value the snapshot of Options.Base lacks and those whose value it has.
//
//	PCollection<schemas.TokenPair> → PCollection<schemas.TokenPair>, PCollection<schemas.TokenPair>
func Split(s beam.Scope, tokens beam.PCollection, o Options) (lacking, has beam.PCollection) {
	s = s.Scope("writecache.Split")
	o.mustWork("writecache.Split")
	o.Paths = nil
	return beam.ParDo2(s, &splitFn{Options: o}, tokens)
}

// Reused writes the rows of the view whose value the cache has.
//
//	PCollection<schemas.TokenPair> → PCollection<cache.Done>
func Reused(s beam.Scope, has beam.PCollection, o Options) beam.PCollection {
	s = s.Scope("writecache.Reused")
	o.mustWork("writecache.Reused")
	o.Paths = nil
	return beam.ParDo(s, &reusedFn{bundle{Options: o}}, has)
}

// bases are the pairs of the snapshots that runs of this process grow from, by address and digest.
var bases dofn.Shared[*cache.Known]

// known returns the pairs of the options' snapshot, mapped once a process.
func known(ctx context.Context, o Options) (*cache.Known, error) {
	if o.Base == "" {
		return &cache.Known{}, nil
	}
	return bases.Get(ctx, o.URL+" "+o.Base, func(ctx context.Context) (*cache.Known, error) {
		st, err := storage.OpenURL(ctx, o.URL)
		if err != nil {
			return nil, fmt.Errorf("writecache: %w", err)
		}
		s, err := cache.OpenDigest(ctx, st, o.Base)
		if err != nil {
			return nil, fmt.Errorf("writecache: %w", err)
		}
		return s.Known(ctx)
	})
}

// Forget lets go of what this process holds of a run's snapshot, once the run is over.
func Forget(o Options) error {
	if k, ok := bases.Take(o.URL + " " + o.Base); ok {
		return k.Close()
	}
	return nil
}

type splitFn struct {
	Options Options `json:"options"`

	known  *cache.Known
	reused beam.Counter
}

func (f *splitFn) Setup() { f.reused = beam.NewCounter(dofn.Namespace, "rows_reused") }

func (f *splitFn) ProcessElement(ctx context.Context, p schemas.TokenPair, lacking, has func(schemas.TokenPair)) error {
	if f.known == nil {
		var err error
		if f.known, err = known(ctx, f.Options); err != nil {
			return err
		}
	}
	if f.known.Has(p.ID) {
		f.reused.Inc(ctx, 1)
		dofn.ProgressOf(f.Options.Sink.Run).Rows.Add(1)
		has(p)
	} else {
		lacking(p)
	}
	return nil
}

type reusedFn struct{ bundle }

func (f *reusedFn) ProcessElement(ctx context.Context, p schemas.TokenPair, _ func(cache.Done)) error {
	if err := f.sink.open(ctx, f.Options); err != nil {
		return err
	}
	return f.sink.Reuse(ctx, p)
}
