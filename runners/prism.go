package runners

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/harness"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"
	fnpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/fnexecution_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

// runPrism runs a pipeline on a job server in this process, which it starts with the first pipeline and which stays until the process
// ends; the workers are goroutines of this process, or processes of a pool.
func runPrism(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	keepWhole()
	if OnPool() {
		return runOnPool(ctx, p)
	}
	if *jobopts.EnvironmentType == "" {
		*jobopts.EnvironmentType = "LOOPBACK" // or, from the second pipeline on, Beam would ask for Docker
	}
	// A worker would send its log lines to the job server, and once that has hung up print what is left to standard error, plans and all,
	// as nobody's. A worker in this process can log here.
	hooks.DisableHook(harness.DefaultRemoteLoggingHook)
	sweep()
	defer sweep()
	if err := hooks.EnableHook(startedHook); err != nil {
		return nil, err
	}
	return whenStarted(ctx, func(ctx context.Context) (beam.PipelineResult, error) { return prism.Execute(ctx, p) })
}

// keepWhole keeps prism from splitting a bundle of which nothing has come for a tenth of a second, on to eight at a time. That makes a
// pipeline no faster whose work takes turns in one process, and every bundle holds windows, buffers and a part of its own.
var keepWhole = sync.OnceFunc(func() {
	const whole = "prism_disable_sdf_split"
	if e := jobopts.GetExperiments(); !slices.Contains(e, whole) {
		*jobopts.Experiments = strings.Join(append(e, whole), ",")
	}
})

// sweep removes the empty files that Beam makes for every such run and never removes. A file is needed for a moment only; it goes once it
// is a minute old, which spares those of other processes that are just starting.
func sweep() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "beamloopbackworker-*"))
	if err != nil {
		return // the temporary directory's name is no valid pattern
	}
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && info.Size() == 0 && time.Since(info.ModTime()) > time.Minute {
			os.Remove(path)
		}
	}
}

// Prism panics, in a goroutine of its own that takes the process with it, when its job comes to start a worker after the launcher has
// gone; and the launcher goes as soon as its context ends. So until the worker of a run, a goroutine, is at work the end of the context is
// held back, which takes tens of milliseconds.

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
