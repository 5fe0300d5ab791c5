package dofn

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/schemas"
)

// Namespace is the namespace of the counters that are ours alone. Those that Beam's RunInference has too are in its namespace.
const Namespace = "steelyard"

// Codes counts quarantined rows by code: the counters "quarantined/<code>". The zero value is ready; one belongs to one DoFn.
type Codes struct {
	counters map[schemas.Code]beam.Counter
}

// Count adds one row of a code.
func (c *Codes) Count(ctx context.Context, code schemas.Code) {
	n, ok := c.counters[code]
	if !ok {
		if c.counters == nil {
			c.counters = make(map[schemas.Code]beam.Counter)
		}
		n = beam.NewCounter(Namespace, "quarantined/"+code)
		c.counters[code] = n
	}
	n.Inc(ctx, 1)
}
