package runners

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/harness"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

// runPrism runs a pipeline on a job server in this process, which it starts with the first pipeline and which stays until the process
// ends; the workers are goroutines of this process.
func runPrism(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
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
