package runners

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
)

// Default is the name of the runner used where none is named.
const Default = "direct"

// ErrUnknown is returned for a name that is no runner of this program. The message lists those that are.
var ErrUnknown = errors.New("runners: no such runner")

// A runner is a way to run a pipeline.
type runner struct {
	name  string
	alias string // what Beam's SDKs call it
	run   func(context.Context, *beam.Pipeline) (beam.PipelineResult, error)
}

// all are the runners there are, in the order of messages.
var all = []runner{
	{"direct", "DirectRunner", runDirect},
	{"prism", "PrismRunner", runPrism},
}

// Names returns the names of the runners.
func Names() []string {
	var names []string
	for _, r := range all {
		names = append(names, r.name)
	}
	return names
}

// Check returns nil for a runner's name or alias that can be run as Beam's flags say, ErrUnknown with what exists for any other name, and
// else every fault of the flags, each beginning with the flag's name.
func Check(name string) error {
	r, err := find(name)
	if err != nil {
		return err
	}
	return checkEnvironment(r.name)
}

func find(name string) (runner, error) {
	i := slices.IndexFunc(all, func(r runner) bool { return name == r.name || name == r.alias })
	if i < 0 {
		return runner{}, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(Names(), " and "))
	}
	return all[i], nil
}

// Init prepares Beam for this process. It must be called before a pipeline is built, once flags are known; more calls do nothing.
func Init() {
	initOnce.Do(func() {
		beam.Init()
		quiet()
	})
}

var initOnce sync.Once

// A Result is what a runner says of a pipeline that it ran.
type Result struct {
	// Counters are the counters by "namespace/name", summed over steps. A bundle that ran again may have counted again.
	Counters map[string]int64
}

// Run runs a pipeline to its end. An error is the root cause in words, without Beam's dumps of plans; when ctx ended, it is ctx's
// own. The Result is then what is known all the same.
func Run(ctx context.Context, name string, p *beam.Pipeline) (Result, error) {
	r, err := find(name)
	if err != nil {
		return Result{}, err
	}
	if err := checkEnvironment(r.name); err != nil {
		return Result{}, fmt.Errorf("runners: %w", err)
	}
	if !beam.Initialized() {
		return Result{}, errors.New("runners: Init was not called")
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("runners: %s: %w", r.name, context.Cause(ctx))
	}
	if *jobopts.Strict {
		if err := strict(ctx, p); err != nil {
			return Result{}, fmt.Errorf("runners: %s: %w", r.name, err)
		}
	}
	res, err := r.run(ctx, p)
	switch {
	case ctx.Err() != nil:
		return Result{}, fmt.Errorf("runners: %s: %w", r.name, context.Cause(ctx))
	case err != nil:
		return Result{}, fmt.Errorf("runners: %s: %w", r.name, rootCause(err))
	}
	return result(res), nil
}

func result(res beam.PipelineResult) Result {
	out := Result{Counters: map[string]int64{}}
	for _, c := range res.Metrics().AllMetrics().Counters() {
		out.Counters[c.Key.Namespace+"/"+c.Key.Name] += c.Result()
	}
	return out
}
