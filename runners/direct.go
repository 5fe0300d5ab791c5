package runners

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/direct"
)

// runDirect runs a pipeline in the calling goroutine, as one bundle a stage.
func runDirect(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	return direct.Execute(ctx, p)
}
