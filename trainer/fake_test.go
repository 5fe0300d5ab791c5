package trainer

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/trainer/loss"
)

// tablePolicy is the smallest model there is: the distribution of every completion token is a softmax over a row of a table, which the
// prompt's first token chooses. So its best policies are known in closed form.
type tablePolicy struct {
	vocab   int
	table   model.Param // (prompts, vocab)
	kept    *model.Batch
	batches []int // tokens of every Forward
}

func newTable(prompts, vocab int, values ...float32) *tablePolicy {
	data := make([]float32, prompts*vocab)
	copy(data, values)
	return &tablePolicy{vocab: vocab, table: model.Param{
		Name: "table", Shape: []int{prompts, vocab}, Data: data, Grad: make([]float32, prompts*vocab), Decay: true,
	}}
}

func (p *tablePolicy) Config() *model.Config { return &model.Config{Vocab: p.vocab} }
func (p *tablePolicy) Numerics() string      { return "table/1" }
func (p *tablePolicy) Close() error          { return nil }
func (p *tablePolicy) Params() []model.Param { return []model.Param{p.table} }

// row returns log π(·|prompt).
func (p *tablePolicy) row(prompt int32) []float64 {
	z := 0.0
	out := make([]float64, p.vocab)
	for v := range out {
		out[v] = float64(p.table.Data[int(prompt)*p.vocab+v])
		z += math.Exp(out[v])
	}
	for v := range out {
		out[v] -= math.Log(z)
	}
	return out
}

// each calls f for every scored token, with its prompt's first token.
func each(b model.Batch, f func(prompt, token int32)) {
	at := 0
	for _, g := range b.Groups {
		prompt := b.Tokens[at]
		at += g.Prompt
		for _, n := range g.Completions {
			for _, token := range b.Tokens[at : at+n] {
				f(prompt, token)
			}
			at += n
		}
	}
}

func (p *tablePolicy) Score(_ context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	var s model.Scores
	each(b, func(prompt, token int32) {
		row := p.row(prompt)
		s.Logp = append(s.Logp, float32(row[token]))
		if want == wanted {
			s.Entropy = append(s.Entropy, 1)
			s.MeanLogit = append(s.MeanLogit, float32(token))
			s.Rank1 = append(s.Rank1, row[token] == slices.Max(row))
		}
	})
	return s, nil
}

func (p *tablePolicy) Forward(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	p.kept = &b
	p.batches = append(p.batches, len(b.Tokens))
	return p.Score(ctx, b, want)
}

// Backward: ∂ log π(y) / ∂ θ_v = [v = y] − π(v).
func (p *tablePolicy) Backward(_ context.Context, d []float32, _ [][]float32) error {
	i := 0
	each(*p.kept, func(prompt, token int32) {
		for v, logp := range p.row(prompt) {
			g := -math.Exp(logp)
			if v == int(token) {
				g++
			}
			p.table.Grad[int(prompt)*p.vocab+v] += float32(float64(d[i]) * g)
		}
		i++
	})
	p.kept = nil
	return nil
}

// pairRows are pairs in memory.
type pairRows []schemas.CachedPair

func (p pairRows) Len() int                                                { return len(p) }
func (p pairRows) At(_ context.Context, i int) (schemas.CachedPair, error) { return p[i], nil }

// cached gives pairs the policy's present values, as precompute does.
func cached(t testing.TB, policy model.Scorer, pairs ...schemas.TokenPair) pairRows {
	t.Helper()
	var out pairRows
	for i, p := range pairs {
		p.Source.Pos = int64(i)
		p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
		one := []scored{{CachedPair: schemas.CachedPair{TokenPair: p}}}
		s, err := policy.Score(context.Background(), batchOf(one), 0)
		if err != nil {
			t.Fatal(err)
		}
		read(one, s)
		one[0].RefChosenLogps, one[0].RefRejectedLogps = one[0].chosen.logp, one[0].rejected.logp
		out = append(out, one[0].CachedPair)
	}
	return out
}

// randomPairs draws pairs of up to 5 tokens a side over a table's prompts and vocabulary.
func randomPairs(n, prompts, vocab int) []schemas.TokenPair {
	draw := rand.New(rand.NewPCG(1, 2))
	tokens := func(limit int) (out []int32) {
		for range 1 + draw.IntN(5) {
			out = append(out, int32(draw.IntN(limit)))
		}
		return out
	}
	var out []schemas.TokenPair
	for range n {
		out = append(out, schemas.TokenPair{PromptIDs: tokens(prompts), ChosenIDs: tokens(vocab), RejectedIDs: tokens(vocab)})
	}
	return out
}

// testRun is a run over pairs in memory, ready for train, with its console.
func testRun(t testing.TB, o Options, policy model.Trainable, pairs rows) (*run, *bytes.Buffer) {
	t.Helper()
	if o.OutputDir == "" {
		o.OutputDir = t.TempDir()
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	console := &bytes.Buffer{}
	r := &run{o: o, policy: policy, from: modelDir(t), console: console, rows: pairs, identity: identity{asserted: true},
		view: schemas.View{Name: "view", Inputs: []schemas.ViewInput{{Path: "data.jsonl"}}}}
	r.record = Record{Options: o, Snapshot: "digest", View: "view"}
	if err := r.arrange(); err != nil {
		t.Fatal(err)
	}
	return r, console
}

// modelDir is a model directory with as much in it as saving needs.
func modelDir(t testing.TB) *checkpoint.Dir {
	t.Helper()
	dir := t.TempDir()
	if err := checkpoint.WriteTensors(filepath.Join(dir, "model.safetensors"), []checkpoint.Named{{Name: "table", Shape: []int{1}, Data: []float32{0}}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"dtype":"bfloat16"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// smallOptions are options for a few quick steps.
func smallOptions() Options {
	o := DefaultOptions()
	o.LearningRate = 0.1
	o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps, o.MaxSteps = 2, 2, 9
	o.SaveSteps, o.LoggingSteps, o.WeightDecay = 2, 3, 0.01
	o.LRSchedulerType, o.WarmupSteps = "cosine", 2
	return o
}

// spreadLoss looks at a whole group: Σ (Δ_i − mean Δ)² − Δ_i, so that a pair's derivative depends on all others.
type spreadLoss struct{}

func (spreadLoss) PerPair() bool { return false }

func (spreadLoss) Eval(group []loss.Pair, terms []loss.Term) {
	mean := 0.0
	for _, p := range group {
		mean += (p.Chosen.LogRatio() - p.Rejected.LogRatio()) / float64(len(group))
	}
	for i, p := range group {
		d := p.Chosen.LogRatio() - p.Rejected.LogRatio()
		terms[i] = loss.Term{Loss: float64((d-mean)*(d-mean)) - d, DChosen: 2*(d-mean) - 1, DRejected: 1 - 2*(d-mean)}
	}
}
