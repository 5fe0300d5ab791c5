package cpu

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

const wantAll = model.WantEntropy | model.WantRank1 | model.WantLogSumP2 | model.WantMeanLogit

func score(t testing.TB, s model.Scorer, b model.Batch, want model.Want) model.Scores {
	t.Helper()
	out, err := s.Score(context.Background(), b, want)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// train runs a forward and a backward pass and returns copies of the log-probabilities and the gradients.
func train(t testing.TB, e *Engine, b model.Batch, dLogp []float32) (model.Scores, map[string][]float32) {
	t.Helper()
	s, err := e.Forward(context.Background(), b, 0)
	if err == nil {
		err = e.Backward(context.Background(), dLogp, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	grads := map[string][]float32{}
	for _, p := range e.Params() {
		grads[p.Name] = slices.Clone(p.Grad)
		clear(p.Grad)
	}
	s.Logp = slices.Clone(s.Logp)
	return s, grads
}

func randomGradient(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 3))
	d := make([]float32, n)
	for i := range d {
		d[i] = float32(r.NormFloat64())
	}
	return d
}

func TestScoresAgainstReference(t *testing.T) {
	for _, s := range smalls {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 7)
			ref := newReference(s.model(), w)
			data := samples(s.cfg.Vocab, 11)
			got := score(t, s.scorer(t, w, checkpoint.F32, Options{}), batchOf(data...), wantAll)
			var want []prediction
			for _, x := range data {
				want = append(want, ref.predict(x)...)
			}
			near := func(i int, what string, got float32, want float64) {
				if !(math.Abs(float64(got)-want) <= 1e-5*(1+math.Abs(want))) {
					t.Errorf("token %d: %s is %v, want %v", i, what, got, want)
				}
			}
			if len(got.Logp) != len(want) {
				t.Fatalf("%d values for %d scored tokens", len(got.Logp), len(want))
			}
			for i, p := range want {
				near(i, "logp", got.Logp[i], p.logp)
				near(i, "entropy", got.Entropy[i], p.entropy)
				near(i, "log Σp²", got.LogSumP2[i], p.logSumP2)
				near(i, "mean logit", got.MeanLogit[i], p.meanLogit)
				if got.Rank1[i] != p.rank1 {
					t.Errorf("token %d: rank 1 is %v, want %v", i, got.Rank1[i], p.rank1)
				}
			}
		})
	}
}

// compareSlope holds a tensor's gradient against the central difference of a loss in a random direction of its weight.
func compareSlope(t *testing.T, name string, r *rand.Rand, weight []float64, grad []float32, loss func() float64) {
	t.Helper()
	const step = 1e-5
	before := slices.Clone(weight)
	direction := make([]float64, len(weight))
	slope := 0.0
	for i := range direction {
		direction[i] = r.NormFloat64()
		slope += direction[i] * float64(grad[i])
	}
	move := func(by float64) float64 {
		for i := range weight {
			weight[i] = before[i] + by*direction[i]
		}
		return loss()
	}
	want := (move(step) - move(-step)) / (2 * step)
	move(0)
	if !(math.Abs(slope-want) <= 2e-5*norm2(grad)+1e-5) {
		t.Errorf("%s: slope %v, by differences %v (norm of the gradient %.3g)", name, slope, want, norm2(grad))
	}
}

// Directional derivatives of Σ dlogp·logp, by central differences of the float64 reference, against the engine's gradients.
func TestGradientsAgainstDifferences(t *testing.T) {
	for _, s := range smalls {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 7)
			ref := newReference(s.model(), w)
			data := samples(s.cfg.Vocab, 11)[:4]
			b := batchOf(data...)
			dLogp := randomGradient(b.Scored(), 5)
			_, grads := train(t, s.trainable(t, w, Options{}), b, dLogp)
			loss := func() (sum float64) {
				i := 0
				for _, x := range data {
					for _, p := range ref.predict(x) {
						sum += float64(dLogp[i]) * p.logp
						i++
					}
				}
				return sum
			}
			r := rand.New(rand.NewPCG(9, 9))
			for _, spec := range s.model().Tensors() {
				compareSlope(t, spec.Name, r, ref.w[spec.Name], grads[spec.Name], loss)
			}
		})
	}
}

func TestSameBits(t *testing.T) {
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) { sameBits(t, s, Options{}) })
	}
}

func TestSameBitsOfBF16(t *testing.T) {
	skipWithoutBF16(t)
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) { sameBits(t, s, Options{BF16: true}) })
	}
}

func skipWithoutBF16(t *testing.T) {
	t.Helper()
	if !simd.HasBF16() {
		t.Skip("this processor has no products of bfloat16 numbers; STEELYARD_SIMD=generic has them")
	}
}

// TestBF16IsNear: rounded factors give other values, but not by much, and products with a frozen or a trained weight the same.
func TestBF16IsNear(t *testing.T) {
	skipWithoutBF16(t)
	for _, s := range everyKind {
		w := randomWeights(s.model(), 3)
		b := batchOf(samples(s.cfg.Vocab, 4)...)
		want := score(t, s.scorer(t, w, checkpoint.F32, Options{}), b, 0).Logp
		got := score(t, s.scorer(t, w, checkpoint.F32, Options{BF16: true}), b, 0).Logp
		sum := 0.0
		for i := range want {
			sum += math.Abs(float64(got[i] - want[i]))
		}
		if mean := sum / float64(len(want)); mean == 0 || mean > 0.05 { // a factor of 8 bits; experts may be chosen otherwise
			t.Errorf("%s: a value differs by %v in the mean", s.name, mean)
		}
	}
	if got, want := (Options{BF16: true}).Numerics(), simd.ClassBF16+"+"+simd.Class(); got != want {
		t.Errorf("numerics %s, want %s", got, want)
	}
}

func sameBits(t *testing.T, s small, o Options) {
	with := func(threads int) Options {
		o := o
		o.Threads = threads
		return o
	}
	w := randomWeights(s.model(), 3)
	data := samples(s.cfg.Vocab, 4)
	all := batchOf(data...)
	want := score(t, s.scorer(t, w, checkpoint.F32, with(1)), all, wantAll)
	same := func(t *testing.T, want, got model.Scores) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("other bits (-want +got):\n" + diff)
		}
	}
	for _, threads := range []int{2, 3, 7} {
		same(t, want, score(t, s.scorer(t, w, checkpoint.F32, with(threads)), all, wantAll))
	}
	same(t, want, score(t, s.scorer(t, w, checkpoint.F16, o), all, wantAll))
	e := s.scorer(t, w, checkpoint.BF16, o)
	same(t, want, score(t, e, all, wantAll))

	plain := model.Scores{Logp: want.Logp}
	same(t, plain, score(t, e, all, 0))
	forward, _ := train(t, s.trainable(t, w, o), all, randomGradient(all.Scored(), 5))
	same(t, plain, forward)

	// Alone, in another order, and every completion by itself.
	var alone, single []float32
	for i, x := range data {
		alone = append(alone, score(t, e, batchOf(x), 0).Logp...)
		for _, c := range x.completions {
			other := data[(i+1)%len(data)]
			got := score(t, e, batchOf(other, sample{x.prompt, [][]int32{c}}), 0).Logp
			single = append(single, got[len(got)-len(c):]...)
		}
	}
	same(t, plain, model.Scores{Logp: alone})
	same(t, plain, model.Scores{Logp: single})
}

func TestAppendedTokensChangeNothingBefore(t *testing.T) {
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) {
			e := s.scorer(t, randomWeights(s.model(), 3), checkpoint.F32, Options{})
			x := samples(s.cfg.Vocab, 8)[4]
			long := x.completions[1]
			whole := score(t, e, batchOf(sample{x.prompt, [][]int32{long}}), 0).Logp
			for n := 1; n < len(long); n++ {
				part := score(t, e, batchOf(sample{x.prompt, [][]int32{long[:n]}}), 0).Logp
				if diff := cmp.Diff(whole[:n], part); diff != "" {
					t.Fatalf("cut to %d tokens:\n%s", n, diff)
				}
			}
		})
	}
}

func TestGradientsDontDependOnThreads(t *testing.T) {
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 3)
			b := batchOf(samples(s.cfg.Vocab, 4)...)
			d := randomGradient(b.Scored(), 6)
			_, want := train(t, s.trainable(t, w, Options{Threads: 1}), b, d)
			for _, threads := range []int{2, 3, 7} {
				_, got := train(t, s.trainable(t, w, Options{Threads: threads}), b, d)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d threads: %s", threads, diff)
				}
			}
		})
	}
}

// A group of several completions has the gradients of as many sequences, and both add to what is there.
func TestSharedPromptGradients(t *testing.T) {
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 3)
			e := s.trainable(t, w, Options{})
			for _, x := range samples(s.cfg.Vocab, 4) {
				b := batchOf(x)
				d := randomGradient(b.Scored(), 6)
				_, shared := train(t, e, b, d)
				for _, c := range x.completions {
					one := batchOf(sample{x.prompt, [][]int32{c}})
					if _, err := e.Forward(context.Background(), one, 0); err != nil {
						t.Fatal(err)
					}
					if err := e.Backward(context.Background(), d[:len(c)], nil); err != nil {
						t.Fatal(err)
					}
					d = d[len(c):]
				}
				compareGradients(t, e.Params(), shared)
				for _, p := range e.Params() {
					clear(p.Grad)
				}
			}
		})
	}
}

// Looking up the padding token leaves its embedding alone, and only its own; the goldens of transformers need this where a chat template
// ends turns with the padding token.
func TestPaddingHasNoGradient(t *testing.T) {
	s := smalls[0]
	w := randomWeights(s.model(), 3)
	b := batchOf(samples(s.cfg.Vocab, 4)...)
	d := randomGradient(b.Scored(), 6)
	_, want := train(t, s.trainable(t, w, Options{}), b, d)
	e := s.trainable(t, w, Options{})
	padding := int(b.Tokens[0])
	e.cfg.Padding = &padding
	_, got := train(t, e, b, d)
	row := want["embed.weight"][padding*s.cfg.Hidden:][:s.cfg.Hidden]
	if norm2(row) == 0 {
		t.Fatal("the token has no gradient to begin with")
	}
	clear(row)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A batch's tokens go through every product of the blocks once in each pass, and once more as the depth of a weight's gradient.
func TestPromptIsComputedOnce(t *testing.T) {
	s := smalls[0]
	e := s.trainable(t, randomWeights(s.model(), 3), Options{})
	b := batchOf(samples(s.cfg.Vocab, 4)...)
	train(t, e, b, randomGradient(b.Scored(), 1))
	const products = 4 // q, k and v, o, gate and up, down
	once := products * s.cfg.Layers * len(b.Tokens)
	if e.rows.forward != once || e.rows.backward != 2*once {
		t.Errorf("products went over %d rows forward and %d backward; want %d and %d", e.rows.forward, e.rows.backward, once, 2*once)
	}
}

func TestRefusals(t *testing.T) {
	s := smalls[0]
	e := s.trainable(t, randomWeights(s.model(), 3), Options{})
	vocab, positions := int32(s.cfg.Vocab), s.model().MaxPositions
	group := func(tokens int, g ...model.Group) model.Batch {
		return model.Batch{Tokens: make([]int32, tokens), Groups: g}
	}
	for _, x := range []struct {
		name string
		b    model.Batch
		say  string
	}{
		{"no group", model.Batch{}, "empty"},
		{"empty prompt", batchOf(sample{nil, [][]int32{{1}}}), "prompt"},
		{"no completion", batchOf(sample{[]int32{1}, nil}), "no completion"},
		{"empty completion", batchOf(sample{[]int32{1}, [][]int32{{1}, {}}}), "completion 1"},
		{"token past the vocabulary", batchOf(sample{[]int32{1}, [][]int32{{vocab}}}), "vocabulary"},
		{"negative token", batchOf(sample{[]int32{-1}, [][]int32{{0}}}), "vocabulary"},
		{"too long", batchOf(sample{make([]int32, positions), [][]int32{{1}}}), "max_length"},
		{"too few tokens", group(2, model.Group{Prompt: 1, Completions: []int{2}}), "ends at token 3"},
		{"too many tokens", group(4, model.Group{Prompt: 1, Completions: []int{2}}), "4 tokens"},
		{"negative prompt", group(1, model.Group{Prompt: -1, Completions: []int{2}}), "prompt"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if _, err := e.Forward(context.Background(), x.b, 0); err == nil || !strings.Contains(err.Error(), x.say) {
				t.Errorf("error %v, want one that says %q", err, x.say)
			}
		})
	}
	fits := batchOf(sample{make([]int32, positions-3), [][]int32{{1, 2, 3}, {1}}})
	if _, err := e.Forward(context.Background(), fits, 0); err != nil {
		t.Errorf("a sequence of exactly max_position_embeddings tokens: %v", err)
	}
	if err := e.Backward(context.Background(), make([]float32, 3), nil); err == nil || !strings.Contains(err.Error(), "3 gradients for 4") {
		t.Errorf("Backward with too few gradients: %v", err)
	}
	if err := e.Backward(context.Background(), make([]float32, 4), nil); err != nil {
		t.Errorf("Backward after a refused one: %v", err)
	}
	if err := e.Backward(context.Background(), make([]float32, 4), nil); !errors.Is(err, ErrNoForward) {
		t.Errorf("a second Backward: %v", err)
	}
	if _, err := e.Forward(context.Background(), fits, 0); err != nil {
		t.Fatal(err)
	}
	score(t, e, fits, 0)
	if err := e.Backward(context.Background(), make([]float32, 4), nil); !errors.Is(err, ErrNoForward) {
		t.Errorf("Backward after Score: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	s := smalls[0]
	e := s.trainable(t, randomWeights(s.model(), 3), Options{})
	b := batchOf(samples(s.cfg.Vocab, 4)[0])
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := e.Forward(ctx, b, 0); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := e.Backward(ctx, make([]float32, b.Scored()), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Backward: %v", err)
	}
	if _, err := e.Score(ctx, b, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Score: %v", err)
	}
}

// TestAfterFailures scores a batch again after others were refused or given up: nothing of them is left.
func TestAfterFailures(t *testing.T) {
	good := batchOf(sample{[]int32{1, 2, 3}, [][]int32{{4, 5}, {6}}})
	otherSpans := batchOf(sample{[]int32{1}, [][]int32{{2, 3}, {4, 5, -1}}})
	moreSpans := batchOf(sample{[]int32{1}, [][]int32{{2}, {3}, {4}, {5}, {6}, {7}, {-1}}})
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) {
			e := s.trainable(t, randomWeights(s.model(), 3), Options{})
			want := score(t, e, good, 0)
			if _, err := e.Score(cancelled, good, model.WantRouters); !errors.Is(err, context.Canceled) {
				t.Fatalf("a cancelled call: %v", err)
			}
			for _, b := range []model.Batch{otherSpans, moreSpans} {
				if _, err := e.Score(context.Background(), b, 0); err == nil {
					t.Fatal("a token outside the vocabulary is scored")
				}
			}
			if diff := cmp.Diff(want, score(t, e, good, 0)); diff != "" {
				t.Errorf("the batch scored again (-want +got):\n%s", diff)
			}
		})
	}
}

// Forward writes where its last scores are, whatever was asked for then, and never where Score's are.
func TestWhoseScores(t *testing.T) {
	s := smalls[0]
	fresh := func() *Engine { return s.trainable(t, randomWeights(s.model(), 3), Options{}) }
	data := samples(s.cfg.Vocab, 4)
	long, short := batchOf(data...), batchOf(data[1])
	want, wantShort := score(t, fresh(), long, wantAll), score(t, fresh(), short, wantAll)
	e := fresh()
	scored := score(t, e, long, wantAll)
	for _, x := range []struct {
		batch model.Batch
		asked model.Want
		want  model.Scores
	}{{short, wantAll, wantShort}, {long, wantAll, want}, {long, 0, model.Scores{Logp: want.Logp}}, {short, wantAll, wantShort}} {
		got, err := e.Forward(t.Context(), x.batch, x.asked)
		if diff := cmp.Diff(x.want, got); err != nil || diff != "" {
			t.Errorf("Forward (-want +got), %v:\n%s", err, diff)
		}
	}
	score(t, e, short, wantAll)
	if diff := cmp.Diff(want, scored); diff != "" {
		t.Errorf("what was scored first is now (-was +is):\n%s", diff)
	}
}

// TestFrozenHead holds the gradient that a head which is not trained gives the residual stream to the one of a head that is, which another pass
// computes: over tiles, with a cap that bends the logits and without, and with all that may be asked for.
func TestFrozenHead(t *testing.T) {
	for _, limit := range []float64{0, 1.5} {
		for _, want := range []model.Want{0, model.WantEntropy} {
			s := small{cfg: model.Config{Vocab: 53, Hidden: 24, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 8, Intermediate: 31, LogitCap: limit},
				headRows: 5, headVocab: 9}
			e := s.trainable(t, randomWeights(s.model(), 7), Options{Threads: 2})
			b := batchOf(samples(s.cfg.Vocab, 4)...)
			dLogp := randomGradient(b.Scored(), 1)
			gradient := func() []float32 {
				if _, err := e.Forward(t.Context(), b, want); err != nil {
					t.Fatal(err)
				}
				if err := e.predictBackward(t.Context(), &e.batch, dLogp); err != nil {
					t.Fatal(err)
				}
				return slices.Clone(e.batch.grads.x)
			}
			trained := gradient()
			e.w.head.dw = nil
			frozen := gradient()
			var norm, off float64
			for i, g := range trained {
				norm += float64(g) * float64(g)
				off += float64(g-frozen[i]) * float64(g-frozen[i])
			}
			if !(norm > 0 && off <= 1e-12*norm) {
				t.Errorf("cap %v: the gradient differs by %.2g of its norm", limit, math.Sqrt(off/norm))
			}
		}
	}
}
