package pipelines

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// Progress is how far this process is with a run. It knows nothing of other machines.
type Progress struct {
	reflogp.Progress
	Total           int64         // rows to come through, quarantined ones included; 0 until they are counted
	Elapsed         time.Duration // since the pipeline was started
	TokensPerSecond float64       // since the first batch was done
}

// report tells o.Progress how far the run is until the returned function is called, which tells it once more. The rows are counted
// beside the run; where that fails, so will reading, and says why.
func report(ctx context.Context, o Options, items []schemas.WorkItem) (stop func()) {
	if o.Progress == nil {
		return func() {}
	}
	start := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var wg sync.WaitGroup
	var total atomic.Int64
	wg.Go(func() {
		if n, err := pairs.Count(ctx, items, o.Pairs); err == nil {
			total.Store(n)
		}
	})
	tell := func(m *meter) {
		p := m.read(o.ID, start)
		p.Total = total.Load()
		o.Progress(p)
	}
	wg.Go(func() {
		var m meter
		tick := time.NewTicker(o.Every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell(&m)
			case <-done:
				tell(&m)
				return
			}
		}
	})
	return func() {
		close(done)
		cancel()
		wg.Wait()
	}
}

// A meter remembers when the first tokens were seen, so that loading a model doesn't slow the rate.
type meter struct {
	since  time.Time
	tokens int64 // that were there by then
}

func (m *meter) read(run string, start time.Time) Progress {
	now := time.Now()
	p := Progress{Progress: reflogp.ProgressOf(run), Elapsed: now.Sub(start)}
	if m.since.IsZero() && p.Tokens > 0 {
		m.since, m.tokens = now, p.Tokens
	}
	switch seconds := now.Sub(m.since).Seconds(); {
	case p.Tokens > m.tokens && seconds > 0:
		p.TokensPerSecond = float64(p.Tokens-m.tokens) / seconds
	case p.Tokens > 0:
		p.TokensPerSecond = float64(p.Tokens) / p.Elapsed.Seconds() // one look only: the whole time
	}
	return p
}
