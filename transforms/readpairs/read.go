package readpairs

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

func init() {
	register.DoFn4x1[context.Context, schemas.WorkItem, func(schemas.Pair), func(schemas.Quarantined), error](&readFn{})
	register.Emitter1[schemas.Pair]()
	register.Emitter1[schemas.Quarantined]()
}

// Options say how rows become pairs. They travel to the workers as JSON.
type Options struct {
	Pairs pairs.Options `json:"pairs"`
	// Run names the run whose progress is counted.
	Run string `json:"run,omitempty"`
}

// Read reads the rows of work items.
//
//	PCollection<schemas.WorkItem> → PCollection<schemas.Pair>, PCollection<schemas.Quarantined>
//
// It panics where the options can't work.
func Read(s beam.Scope, items beam.PCollection, o Options) (read, bad beam.PCollection) {
	s = s.Scope("readpairs.Read")
	if err := o.Pairs.Validate(); err != nil {
		panic(fmt.Sprintf("readpairs.Read: %v", err))
	}
	return beam.ParDo2(s, &readFn{Options: o}, items)
}

type readFn struct {
	Options Options `json:"options"`

	codes dofn.Codes
	rows  beam.Counter
}

func (f *readFn) Setup() { f.rows = beam.NewCounter(dofn.Namespace, "rows_read") }

func (f *readFn) ProcessElement(ctx context.Context, item schemas.WorkItem, read func(schemas.Pair), bad func(schemas.Quarantined)) error {
	progress := dofn.ProgressOf(f.Options.Run)
	// A panic of a later step is Beam's to carry: it must not be taken for one of the reader's, so nothing recovers here.
	return pairs.Read(ctx, item, f.Options.Pairs,
		func(p schemas.Pair) error {
			f.rows.Inc(ctx, 1)
			read(p)
			return ctx.Err()
		},
		func(q schemas.Quarantined) error {
			f.rows.Inc(ctx, 1)
			f.codes.Count(ctx, q.Code)
			progress.Quarantined.Add(1)
			q.Path = "" // where this worker finds the file; whoever writes the row knows it by its number
			bad(q)
			return ctx.Err()
		})
}
