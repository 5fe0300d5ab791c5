package cpu

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
)

// A tokenPair is a line of testdata/goldens/pairs.
type tokenPair struct {
	Prompt   []int32 `json:"prompt_ids"`
	Chosen   []int32 `json:"chosen_ids"`
	Rejected []int32 `json:"rejected_ids"`
}

func readPairs(t *testing.T) (pairs []tokenPair) {
	t.Helper()
	f, err := os.Open(tol.Golden(t, "pairs/smollm2_dpo_en_demo.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bufio.NewReader(z)); d.More(); {
		var p tokenPair
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// The log-probabilities of 14 pairs under a real model, against float64. With -short, of the short ones.
func TestSmolLM2Logps(t *testing.T) {
	dir := smollm2(t)
	var ref struct {
		Rows []struct {
			Row         int
			Chosen      []float64 `json:"chosen_logps"`
			Rejected    []float64 `json:"rejected_logps"`
			ChosenSum   float64   `json:"chosen_sum"`
			RejectedSum float64   `json:"rejected_sum"`
		}
	}
	readJSON(t, tol.Golden(t, "smollm2/reference.json"), &ref)
	pairs := readPairs(t)
	d, c := open(t, dir, "config.json")
	s, err := NewScorer(d, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	const shortest = 300 // tokens of the pairs that -short computes
	sum, worst, worstSum, n := 0.0, 0.0, 0.0, 0
	for _, r := range ref.Rows {
		p := pairs[r.Row]
		if testing.Short() && len(p.Prompt)+len(p.Chosen)+len(p.Rejected) > shortest {
			continue
		}
		var b model.Batch
		b.Add(p.Prompt, p.Chosen, p.Rejected)
		got := score(t, s, b, 0).Logp
		want := append(append([]float64(nil), r.Chosen...), r.Rejected...)
		if len(got) != len(want) {
			t.Fatalf("row %d: %d values, want %d", r.Row, len(got), len(want))
		}
		sums := [2]float64{}
		for i, x := range got {
			diff := math.Abs(float64(x) - want[i])
			sum, worst, n = sum+diff, max(worst, diff), n+1
			if !(diff <= 1e-4) {
				t.Errorf("row %d token %d: %v, want %v", r.Row, i, x, want[i])
			}
			if i < len(r.Chosen) {
				sums[0] += float64(x)
			} else {
				sums[1] += float64(x)
			}
		}
		for i, want := range []float64{r.ChosenSum, r.RejectedSum} {
			relative := math.Abs(sums[i]-want) / math.Abs(want)
			worstSum = max(worstSum, relative)
			if !(relative <= 3e-5) {
				t.Errorf("row %d: sum %d is %v, want %v", r.Row, i, sums[i], want)
			}
		}
	}
	if mean := sum / float64(n); !(mean <= 2e-5) {
		t.Errorf("mean difference %.2g, want at most 2e-5", mean)
	}
	t.Logf("%d tokens: differences %.2g at worst, %.2g in the mean; sums %.2g relative", n, worst, sum/float64(n), worstSum)
}

// The gradients of two pairs, every tensor by its norm and by one projection.
func TestSmolLM2Gradients(t *testing.T) {
	dir := smollm2(t)
	var ref struct {
		Beta float64
		Rows []struct {
			Row         int
			RefChosen   float64 `json:"ref_chosen_logp"`
			RefRejected float64 `json:"ref_rejected_logp"`
			Loss        float64
		}
		Gradients map[string]projected
	}
	readJSON(t, tol.Golden(t, "smollm2/gradients.json"), &ref)
	pairs := readPairs(t)
	d, c := open(t, dir, "config.json")
	e, err := NewTrainable(d, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()

	g := golden{Beta: ref.Beta}
	for _, r := range ref.Rows {
		p := pairs[r.Row]
		g.Pairs = append(g.Pairs, goldenPair{Prompt: p.Prompt, Chosen: p.Chosen, Rejected: p.Rejected,
			RefChosen: r.RefChosen, RefRejected: r.RefRejected})
		g.Loss += r.Loss / float64(len(ref.Rows))
	}
	b, _ := g.batch()
	s, err := e.Forward(context.Background(), b, 0)
	if err != nil {
		t.Fatal(err)
	}
	loss, dLogp := g.dLogp(s.Logp)
	if math.Abs(loss-g.Loss) > 1e-4 {
		t.Errorf("loss %v, want %v", loss, g.Loss)
	}
	if err := e.Backward(context.Background(), dLogp, nil); err != nil {
		t.Fatal(err)
	}
	compareProjections(t, e.Params(), ref.Gradients, 1e-3)
}

// A projected is a tensor's gradient as its norm and one projection.
type projected struct{ Norm, Projection float64 }

// compareProjections asks for norms and projections within a share of the norm.
func compareProjections(t *testing.T, params []model.Param, want map[string]projected, most float64) {
	t.Helper()
	worst := 0.0
	for _, p := range params {
		want, ok := want[p.Name]
		if !ok {
			t.Errorf("%s is no parameter of the reference", p.Name)
			continue
		}
		norm, projection := norm2(p.Grad), project(p.Grad)
		off := max(math.Abs(norm-want.Norm), math.Abs(projection-want.Projection)) / want.Norm
		worst = max(worst, off)
		if !(off <= most) {
			t.Errorf("%s: norm %v and projection %v, want %v and %v", p.Name, norm, projection, want.Norm, want.Projection)
		}
	}
	if len(params) != len(want) {
		t.Errorf("%d parameters, want %d", len(params), len(want))
	}
	t.Logf("norms and projections differ by %.2g of a tensor's norm at worst", worst)
}

// project returns Σ g[i]·s(i), with s(i) = −1 where i·2654435761 mod 2³² ≥ 2³¹ and 1 elsewhere (gradients.json, "projection").
func project(g []float32) (sum float64) {
	for i, x := range g {
		if uint32(i)*2654435761 >= 1<<31 {
			x = -x
		}
		sum += float64(x)
	}
	return sum
}
