package reflogp

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

// counters are the metrics of scoring: the first group under the names of Beam's RunInference, the second our own.
type counters struct {
	inferences    beam.Counter
	failed        beam.Counter
	batchSize     beam.Distribution
	batchBytes    beam.Distribution
	batchMicros   beam.Distribution
	modelBytes    beam.Distribution
	modelLoadTime beam.Distribution

	tokens     beam.Counter
	shared     beam.Counter
	repeated   beam.Counter
	duplicates beam.Counter
	codes      dofn.Codes
}

func newCounters() counters {
	const inference = "RunInference"
	return counters{
		inferences:    beam.NewCounter(inference, "num_inferences"),
		failed:        beam.NewCounter(inference, "failed_batches_counter"),
		batchSize:     beam.NewDistribution(inference, "inference_request_batch_size"),
		batchBytes:    beam.NewDistribution(inference, "inference_request_batch_byte_size"),
		batchMicros:   beam.NewDistribution(inference, "inference_batch_latency_micro_secs"),
		modelBytes:    beam.NewDistribution(inference, "model_byte_size"),
		modelLoadTime: beam.NewDistribution(inference, "load_model_latency_milli_secs"),

		tokens:     beam.NewCounter(dofn.Namespace, "tokens"),
		shared:     beam.NewCounter(dofn.Namespace, "shared_prefix_tokens"),
		repeated:   beam.NewCounter(dofn.Namespace, "repeated_completion_tokens"),
		duplicates: beam.NewCounter(dofn.Namespace, "duplicates"),
	}
}

// loaded counts a model as this bundle's worker found it.
func (c *counters) loaded(ctx context.Context, m *loaded) {
	c.modelBytes.Update(ctx, m.bytes)
	c.modelLoadTime.Update(ctx, m.took.Milliseconds())
}

// batch counts a call of the engine.
func (c *counters) batch(ctx context.Context, b Batch) {
	if b.Err != nil {
		c.failed.Inc(ctx, 1)
		return
	}
	c.inferences.Inc(ctx, int64(b.Pairs))
	c.batchSize.Update(ctx, int64(b.Pairs))
	c.batchBytes.Update(ctx, int64(4*b.Tokens))
	c.batchMicros.Update(ctx, b.Took.Microseconds())
	c.tokens.Inc(ctx, int64(b.Tokens))
	c.shared.Inc(ctx, int64(b.Shared))
	c.repeated.Inc(ctx, int64(b.Repeated))
	c.duplicates.Inc(ctx, int64(b.Rows-b.Pairs))
}
