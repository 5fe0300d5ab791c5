package readpairs

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/schemas"
)

func init() {
	register.DoFn2x0[[]byte, func(schemas.WorkItem)](&itemsFn{})
	register.Emitter1[schemas.WorkItem]()
}

// Items gives a plan's work items to the pipeline, spread over its workers.
//
//	→ PCollection<schemas.WorkItem>
//
// A plan without items is no fault. What follows runs in parallel on runners that need a shuffle for it.
func Items(s beam.Scope, items []schemas.WorkItem) beam.PCollection {
	s = s.Scope("readpairs.Items")
	return beam.Reshuffle(s, beam.ParDo(s, &itemsFn{Items: items}, beam.Impulse(s)))
}

type itemsFn struct {
	Items []schemas.WorkItem `json:"items"`
}

func (f *itemsFn) ProcessElement(_ []byte, emit func(schemas.WorkItem)) {
	for _, it := range f.Items {
		emit(it)
	}
}
