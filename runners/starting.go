package runners

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"
	fnpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/fnexecution_v1"
)

// Prism panics, in a goroutine of its own that takes the process with it, when its job comes to start a worker after the launcher has
// gone; and the launcher goes as soon as its context ends. So until the worker of a run is at work the end of the context is held back,
// which takes tens of milliseconds.

const startedHook = "steelyard_worker_started"

var (
	starting sync.Mutex                    // held by the run whose worker is not at work yet
	started  atomic.Pointer[chan struct{}] // closed by the first request that its worker gets
)

func init() {
	hooks.RegisterHook(startedHook, func([]string) hooks.Hook {
		return hooks.Hook{Req: func(ctx context.Context, _ *fnpb.InstructionRequest) (context.Context, error) {
			if c := started.Swap(nil); c != nil {
				close(*c)
			}
			return ctx, nil
		}}
	})
}

// whenStarted calls run with a context that ends with ctx, but not before the worker of the run is at work.
func whenStarted[R any](ctx context.Context, run func(context.Context) (R, error)) (R, error) {
	starting.Lock()
	atWork, over := make(chan struct{}), make(chan struct{})
	started.Store(&atWork)
	held, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-atWork:
		case <-over: // without a worker: the job was refused
			started.Store(nil)
		}
		starting.Unlock()
		select {
		case <-ctx.Done():
			cancel(context.Cause(ctx))
		case <-over:
		}
	})
	defer wg.Wait()
	defer close(over)
	return run(held)
}
