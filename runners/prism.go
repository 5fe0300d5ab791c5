package runners

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

// runPrism runs a pipeline on a job server in this process, which it starts with the first pipeline and which stays until the process
// ends; the workers are goroutines of this process.
func runPrism(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	sweep()
	defer sweep()
	return prism.Execute(ctx, p)
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
