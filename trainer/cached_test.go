package trainer_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/trainer"
)

// A trajectory is a golden training run of TRL: its options, its pairs and its log.
type trajectory struct {
	Model   string `json:"model"` // the golden it started from
	Options struct {
		PerDeviceTrainBatchSize   int     `json:"per_device_train_batch_size"`
		GradientAccumulationSteps int     `json:"gradient_accumulation_steps"`
		LearningRate              float64 `json:"learning_rate"`
		WeightDecay               float64 `json:"weight_decay"`
		AdamBeta1                 float64 `json:"adam_beta1"`
		AdamBeta2                 float64 `json:"adam_beta2"`
		AdamEpsilon               float64 `json:"adam_epsilon"`
		MaxGradNorm               float64 `json:"max_grad_norm"`
		LRSchedulerType           string  `json:"lr_scheduler_type"`
		WarmupSteps               float64 `json:"warmup_steps"`
		Beta                      float64 `json:"beta"`
		MaxSteps                  int     `json:"max_steps"`
		TrainSamplingStrategy     string  `json:"train_sampling_strategy"`

		RouterAuxLossCoef *float64 `json:"router_aux_loss_coef"`
	} `json:"options"`
	Quantization *struct {
		Type      quant.Type `json:"quant_type"`
		BlockSize int        `json:"blocksize"`
		Nested    bool       `json:"double_quant"`
	} `json:"quantization"`
	Pairs []struct {
		Prompt   []int32 `json:"prompt_ids"`
		Chosen   []int32 `json:"chosen_ids"`
		Rejected []int32 `json:"rejected_ids"`
	} `json:"pairs"`
	Log        []map[string]float64 `json:"log"`         // in float32
	LogFloat64 []map[string]float64 `json:"log_float64"` // the same run in float64
}

func readTrajectory(t testing.TB, name string) trajectory {
	t.Helper()
	text, err := os.ReadFile(tol.Golden(t, "trajectories/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var out trajectory
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// options are the golden run's, for a run directory.
func (g trajectory) options(dir string) trainer.Options {
	o := trainer.DefaultOptions()
	o.OutputDir = dir
	o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps = g.Options.PerDeviceTrainBatchSize, g.Options.GradientAccumulationSteps
	o.LearningRate, o.WeightDecay, o.MaxGradNorm = g.Options.LearningRate, g.Options.WeightDecay, g.Options.MaxGradNorm
	o.AdamBeta1, o.AdamBeta2, o.AdamEpsilon = g.Options.AdamBeta1, g.Options.AdamBeta2, g.Options.AdamEpsilon
	o.LRSchedulerType, o.WarmupSteps = g.Options.LRSchedulerType, g.Options.WarmupSteps
	o.Beta, o.MaxSteps, o.TrainSamplingStrategy = g.Options.Beta, g.Options.MaxSteps, g.Options.TrainSamplingStrategy
	if coef := g.Options.RouterAuxLossCoef; coef != nil {
		o.RouterAuxLossCoef = *coef
	}
	return o
}

// A bench is a model with a cache of its values for a golden run's pairs.
type bench struct {
	golden trajectory
	model  string // directory
	// adapter is the directory of one that is trained, or "". The cache is the model's alone: the adapter must change nothing yet.
	adapter  string
	quantize *quant.Scheme // how linear layers are held; nil: as they are stored
	store    storage.Store
	input    string // the path of the pairs' file
}

const firstRun = "20261123T180351Z-0001"

// newBench scores the pairs of full_sigmoid with the model it started from, and commits a cache of them; spoil may change a value first.
func newBench(t testing.TB, spoil func(i int, p *schemas.CachedPair)) bench {
	t.Helper()
	return newBenchOf(t, "full_sigmoid", "", spoil)
}

// newBenchOf is newBench for a golden run, that of an adapter where one is named.
func newBenchOf(t testing.TB, golden, adapter string, spoil func(i int, p *schemas.CachedPair)) bench {
	t.Helper()
	b := bench{golden: readTrajectory(t, golden), adapter: adapter, input: "pairs.jsonl"}
	b.model = tol.Golden(t, b.golden.Model)
	if q := b.golden.Quantization; q != nil {
		b.quantize = &quant.Scheme{Type: q.Type, BlockSize: q.BlockSize, Nested: q.Nested}
	}
	var err error
	if b.store, err = storage.Local(filepath.Join(t.TempDir(), "cache")); err != nil {
		t.Fatal(err)
	}
	b.commit(t, firstRun, spoil)
	return b
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// dir opens the bench's checkpoint.
func (b bench) dir(t testing.TB) (*checkpoint.Dir, *model.Config) {
	t.Helper()
	dir := must(checkpoint.Open(b.model))(t)
	config := must(dir.Config())(t)
	if b.quantize != nil {
		if err := dir.Quantize(config, *b.quantize); err != nil {
			t.Fatal(err)
		}
	}
	return dir, config
}

// open opens the bench's model to train.
func (b bench) open(t testing.TB) (*checkpoint.Dir, model.Trainable) {
	t.Helper()
	dir, config := b.dir(t)
	policy := must(cpu.NewTrainable(dir, config, cpu.Options{}))(t)
	t.Cleanup(func() {
		policy.Close()
		dir.Close()
	})
	return dir, policy
}

// commit makes a cache of the pairs.
func (b bench) commit(t testing.TB, run string, spoil func(i int, p *schemas.CachedPair)) {
	t.Helper()
	ctx := t.Context()
	dir, config := b.dir(t)
	defer dir.Close()
	policy := must(cpu.NewScorer(dir, config, cpu.Options{}))(t)
	defer policy.Close()
	var fingerprint schemas.Fingerprint
	for _, it := range must(dir.Fingerprint(config, policy.Numerics()))(t) {
		fingerprint = append(fingerprint, schemas.Item(it))
	}
	record := schemas.Run{ID: run, Fingerprint: fingerprint}
	claim, err := cache.Begin(ctx, b.store, record)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	sink := cache.NewSink(b.store, cache.Options{Run: run, Fingerprint: fingerprint, TokenLogps: spoil == nil}) // beside token values, a sum cannot be wrong
	for i, g := range b.golden.Pairs {
		var batch model.Batch
		batch.Add(g.Prompt, g.Chosen, g.Rejected)
		s := must(policy.Score(ctx, batch, 0))(t)
		p := schemas.CachedPair{TokenPair: schemas.TokenPair{
			ID: cache.PairID(g.Prompt, g.Chosen, g.Rejected), Source: schemas.Source{Pos: int64(i)},
			PromptIDs: g.Prompt, ChosenIDs: g.Chosen, RejectedIDs: g.Rejected,
		}}
		p.RefChosenTokenLogps, p.RefRejectedTokenLogps = s.Logp[:len(g.Chosen)], s.Logp[len(g.Chosen):]
		for _, v := range p.RefChosenTokenLogps {
			p.RefChosenLogps += float64(v)
		}
		for _, v := range p.RefRejectedTokenLogps {
			p.RefRejectedLogps += float64(v)
		}
		if spoil != nil {
			spoil(i, &p)
			p.RefChosenTokenLogps, p.RefRejectedTokenLogps = nil, nil
		}
		if err := sink.Write(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	view := schemas.View{Inputs: []schemas.ViewInput{{Path: b.input}},
		Tokens: schemas.Fingerprint{{Name: schemas.ItemTokenizer, Digest: "none"}, {Name: schemas.ItemChatTemplate, Digest: "none"}}}
	commit := cache.Commit{Run: record, Base: claim.Base, View: view, Done: []cache.Done{must(sink.Close(ctx))(t)}}
	if _, _, err := commit.Do(ctx, b.store); err != nil {
		t.Fatal(err)
	}
}

// run trains the bench's model.
func (b bench) run(t testing.TB, o trainer.Options, console io.Writer) (trainer.Summary, error) {
	t.Helper()
	in := b.inputs(t)
	in.Console = console
	return trainer.Run(t.Context(), o, in)
}

// inputs opens what a run needs.
func (b bench) inputs(t testing.TB) trainer.Inputs {
	t.Helper()
	in := trainer.Inputs{Open: b.snapshot, Program: "test"}
	if b.adapter == "" {
		in.From, in.Policy = b.open(t)
		return in
	}
	var config *model.Config
	in.From, config = b.dir(t)
	in.Adapter = must(adapter.Open(b.adapter, config))(t)
	in.Policy = must(cpu.NewTrainable(in.From, config, cpu.Options{Adapter: in.Adapter}))(t)
	t.Cleanup(func() {
		in.Policy.Close()
		in.Adapter.Close()
		in.From.Close()
	})
	return in
}

func (b bench) snapshot(ctx context.Context, digest string) (*cache.Snapshot, error) {
	if digest == "" {
		return cache.Open(ctx, b.store)
	}
	return cache.OpenDigest(ctx, b.store, digest)
}
