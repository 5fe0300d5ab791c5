package runners

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	//lint:ignore SA1019 Beam prefers prism, which encodes what crosses a stage and holds it in memory; on one machine direct is the leaner
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/direct"
)

// runDirect runs a pipeline in the calling goroutine, as one bundle a stage.
func runDirect(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	return direct.Execute(ctx, p)
}
