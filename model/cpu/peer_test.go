package cpu

import (
	"context"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

var (
	models     = flag.Int("models", 48, "how many random models to compare with transformers")
	modelsSeed = flag.Int("models.seed", 1, "the seed of the random models")
)

// Random models of every family, of valid configurations that nobody picked by hand, give what transformers computes in float64: every
// log-probability, and every gradient of a DPO loss. A long run: go test ./model/cpu -run RandomModels -models 2000 -models.seed 7.
func TestRandomModels(t *testing.T) {
	python := os.Getenv("STEELYARD_PYTHON")
	if python == "" {
		tol.SkipUnlessRequired(t, "STEELYARD_PYTHON names no Python with transformers")
	}
	dir := t.TempDir()
	made := exec.Command(python, filepath.Join(tol.Root(t), "testdata", "tools", "random_models.py"), dir,
		"--seed", strconv.Itoa(*modelsSeed), "--count", strconv.Itoa(*models))
	made.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	start := time.Now()
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", made, err, out)
	}
	t.Logf("made in %v", time.Since(start).Round(time.Second))
	all, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil || len(all) != *models {
		t.Fatalf("%d models were made, want %d (%v)", len(all), *models, err)
	}
	for _, model := range all {
		t.Run(filepath.Base(model), func(t *testing.T) {
			compareModel(t, model)
			if t.Failed() {
				text, _ := os.ReadFile(filepath.Join(model, "config.json"))
				t.Logf("%s", text)
			}
			os.RemoveAll(model) // a long run must not fill the disk
		})
	}
}

func compareModel(t *testing.T, dir string) {
	var g golden
	readJSON(t, filepath.Join(dir, "golden.json"), &g)
	d, c := open(t, dir, "config.json")
	e, err := NewTrainable(d, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b, want := g.batch()
	got, err := e.Forward(context.Background(), b, 0)
	if err != nil {
		t.Fatal(err)
	}
	compareLogps(t, got.Logp, want, 1e-5)
	loss, dLogp := g.dLogp(got.Logp)
	if math.Abs(loss-g.Loss) > 1e-5 {
		t.Errorf("loss %v, want %v", loss, g.Loss)
	}
	if err := e.Backward(context.Background(), dLogp); err != nil {
		t.Fatal(err)
	}
	compareGradients(t, e.Params(), readGradients(t, filepath.Join(dir, "grads.safetensors")))
}
