package cpu

import (
	"context"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/family"
)

var (
	models     = flag.Int("models", 48, "how many random models to compare with transformers, and half as many odd ones")
	modelsSeed = flag.Int("models.seed", 1, "the seed of the random models")
)

// Random models of every family, of valid configurations that nobody picked by hand, give what transformers computes in float64: every
// log-probability, and every gradient of a DPO loss. Odd ones, with keys that a family may read, ignore or fail on, do so too or are refused
// by name: none is misread. A long run: go test ./model/cpu -run RandomModels -models 960 -models.seed 7.
func TestRandomModels(t *testing.T) {
	for _, path := range randomModels(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(path, "config.json"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(filepath.Base(path), "odd-") {
				if _, err := os.Stat(filepath.Join(path, "golden.json")); err != nil {
					return // transformers fails
				}
				if _, err := family.Parse(text); err != nil {
					t.Log("refused:", err)
					return
				}
			}
			compareModel(t, path)
			if t.Failed() {
				t.Logf("%s", text)
			}
		})
	}
}

// randomModels has models made, in one process, and returns their directories.
func randomModels(t *testing.T) []string {
	t.Helper()
	python := tol.Python(t)
	dir := t.TempDir()
	script := exec.Command(python, filepath.Join(tol.Root(t), "testdata", "tools", "random_models.py"), dir,
		"--seed", strconv.Itoa(*modelsSeed), "--count", strconv.Itoa(*models), "--odd", strconv.Itoa(*models/2))
	script.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "HF_HUB_OFFLINE=1")
	start := time.Now()
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", script, err, out)
	}
	t.Logf("made in %v", time.Since(start).Round(time.Second))
	all, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil || len(all) != *models+*models/2 {
		t.Fatalf("%d models were made, want %d (%v)", len(all), *models+*models/2, err)
	}
	return all
}

// compareModel compares one model with what random_models.py says of it.
func compareModel(t *testing.T, dir string) {
	t.Helper()
	var g struct {
		golden
		Coef float64  `json:"router_aux_loss_coef"`
		Aux  *float64 `json:"aux_loss"` // where the model has routers
	}
	readJSON(t, filepath.Join(dir, "golden.json"), &g)
	d, c := open(t, dir, "config.json")
	e, err := NewTrainable(d, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b, want := g.batch()
	var want0 model.Want
	if g.Aux != nil {
		want0 = model.WantRouters
	}
	forward := func() model.Scores {
		got, err := e.Forward(context.Background(), b, want0)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	backward := func(dLogp []float32, dRouter [][]float32, gradients string) {
		for _, p := range e.Params() {
			clear(p.Grad)
		}
		if err := e.Backward(context.Background(), dLogp, dRouter); err != nil {
			t.Fatal(err)
		}
		compareGradients(t, e.Params(), readGradients(t, filepath.Join(dir, gradients)))
	}
	got := forward()
	compareLogps(t, got.Logp, want, 1e-5)
	loss, dLogp := g.dLogp(got.Logp)
	if math.Abs(loss-g.Loss) > 1e-5 {
		t.Errorf("loss %v, want %v", loss, g.Loss)
	}
	backward(dLogp, nil, "grads.safetensors")
	if g.Aux == nil {
		return
	}
	aux, dRouter := auxLoss(forward().Routers, g.Coef)
	if math.Abs(aux-*g.Aux) > 1e-5 {
		t.Errorf("auxiliary loss %v, want %v", aux, *g.Aux)
	}
	backward(dLogp, dRouter, "grads_aux.safetensors")
}

// auxLoss is load_balancing_loss_func of transformers, E·Σ_e (share of the tokens that chose e)·(mean probability of e), and the gradient
// of coef times it by every probability: tokens of all sequences and layers are counted together.
func auxLoss(groups []model.Router, coef float64) (loss float64, d [][]float32) {
	experts := len(groups[0].Chosen)
	var n float64
	chosen, prob := make([]float64, experts), make([]float64, experts)
	for _, g := range groups {
		n += g.Tokens
		for e := range experts {
			chosen[e] += g.Chosen[e]
			prob[e] += g.Prob[e]
		}
	}
	slope := make([]float32, experts)
	for e := range experts {
		loss += float64(experts) * chosen[e] / n * prob[e] / n
		slope[e] = float32(coef * float64(experts) * chosen[e] / n / n)
	}
	for range groups {
		d = append(d, slope)
	}
	return loss, d
}
