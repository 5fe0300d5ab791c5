package trainer_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/trainer"
)

// TestGoldenTrajectory trains as TRL 1.16.0 did, with transformers 5.23.0, PEFT 0.21.2 and torch 2.15.0 (testdata/goldens/trajectories:
// cosine schedule with warmup, weight decay, clipping, groups that don't divide the epoch; moe_aux is a model with experts and the routers'
// auxiliary loss, lora_whole_tied one of modules trained whole in a model with a tied head). TRL ran in float32 and in float64: their distance says what float32 can promise. Loss, gradient norm, learning rate and
// rewards of every step must be within ten times that step's distance, at least 1e-5 of the value; the others within ten times the largest
// distance of the run, since they may agree by chance in a step.
func TestGoldenTrajectory(t *testing.T) {
	for _, name := range []string{"full_sigmoid", "lora", "lora_all_rslora", "lora_whole_tied", "qlora", "moe_aux"} {
		t.Run(name, func(t *testing.T) {
			init := ""
			if strings.Contains(name, "lora") {
				init = tol.Golden(t, "trajectories/"+name+"_init")
			}
			goldenTrajectory(t, newBenchOf(t, name, init, nil), name)
		})
	}
}

func goldenTrajectory(t *testing.T, b bench, name string) {
	out := filepath.Join(t.TempDir(), "run")
	summary, err := b.run(t, b.golden.options(out), nil)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Steps != len(b.golden.Log) || summary.SampleDifference != 0 {
		t.Errorf("the summary is %+v", summary)
	}
	log := readLog(t, out)
	if len(log) != len(b.golden.Log) {
		t.Fatalf("%d steps, want %d", len(log), len(b.golden.Log))
	}
	if b.golden.Options.RouterAuxLossCoef == nil && log[0]["loss"] != math.Ln2 {
		t.Errorf("the first loss is %v, want ln 2 to the last bit", log[0]["loss"])
	}
	promised, worst := map[string]float64{}, map[string]float64{}
	for k, want := range b.golden.LogFloat64 {
		for name, w := range want {
			if w != 0 {
				promised[name] = max(promised[name], math.Abs(b.golden.Log[k][name]-w)/math.Abs(w))
			}
		}
	}
	for k, want := range b.golden.LogFloat64 {
		for name, w := range want {
			got, ok := log[k][name]
			if !ok {
				t.Fatalf("step %d has no %s", k+1, name)
			}
			allowed := max(10*promised[name], 1e-5) * math.Abs(w)
			if name == "loss" || name == "grad_norm" || name == "learning_rate" || strings.HasPrefix(name, "rewards/") {
				allowed = max(10*math.Abs(b.golden.Log[k][name]-w), 1e-5*math.Abs(w))
			}
			if b.golden.Options.RouterAuxLossCoef != nil && strings.HasPrefix(name, "rewards/") { // β times a difference, which may be next to nothing, of sums that float32 rounds
				allowed = max(allowed, b.golden.Options.Beta*0x1p-24*(math.Abs(want["logps/chosen"])+math.Abs(want["logps/rejected"])))
			}
			if off := math.Abs(got - w); off > allowed {
				t.Errorf("step %d, %s: got %.9g, want %.9g within %.1e", k+1, name, got, w, allowed)
			}
			if w != 0 {
				worst[name] = max(worst[name], math.Abs(got-w)/math.Abs(w))
			}
		}
	}
	t.Logf("largest relative distances from float64: %v", worst)
	final := tol.Golden(t, "trajectories/"+name+"_final")
	if b.adapter == "" {
		got, want := must(checkpoint.Open(out))(t), must(checkpoint.Open(final))(t)
		defer got.Close()
		defer want.Close()
		compareWeights(t, got, want)
		return
	}
	config := b.inputs(t).Policy.Config()
	got, want := must(adapter.Open(out, config))(t), must(adapter.Open(final, config))(t)
	defer got.Close()
	defer want.Close()
	compareWeights(t, opened{got}, opened{want})
}

// opened is an adapter as a set of tensors.
type opened struct{ *adapter.Adapter }

func (o opened) Names() (out []string) {
	for _, m := range o.Modules {
		out = append(out, m.A.Name, m.B.Name)
	}
	for _, s := range o.Saved {
		out = append(out, s.Tensor.Name)
	}
	return out
}

func (o opened) Tensor(name string) (checkpoint.Tensor, error) {
	for _, m := range o.Modules {
		for _, t := range []checkpoint.Tensor{m.A, m.B} {
			if t.Name == name {
				return t, nil
			}
		}
	}
	for _, s := range o.Saved {
		if s.Tensor.Name == name {
			return s.Tensor, nil
		}
	}
	return checkpoint.Tensor{}, os.ErrNotExist
}

// compareWeights asks for tensors within 1e-4 of the golden ones, as the norm of their difference against their norm.
func compareWeights(t *testing.T, g, w interface {
	Names() []string
	Tensor(name string) (checkpoint.Tensor, error)
}) {
	t.Helper()
	if !slices.Equal(g.Names(), w.Names()) {
		t.Fatalf("tensors %v, want %v", g.Names(), w.Names())
	}
	worst := 0.0
	for _, name := range w.Names() {
		a, b := widen(must(g.Tensor(name))(t)), widen(must(w.Tensor(name))(t))
		var off, size float64
		for i := range b {
			d := float64(a[i]) - float64(b[i])
			off, size = off+d*d, size+float64(b[i])*float64(b[i])
		}
		if r := math.Sqrt(off / size); !(r <= 1e-4) { // NaN, too
			t.Errorf("%s is off by %.1e", name, r)
		} else {
			worst = max(worst, r)
		}
	}
	t.Logf("largest relative distance of a tensor: %.1e", worst)
}

func widen(x checkpoint.Tensor) []float32 {
	out := make([]float32, x.Len())
	x.Widen(out, 0)
	return out
}

func readLog(t testing.TB, dir string) []map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]float64
	for line := range bytes.Lines(text) {
		var m map[string]float64
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		delete(m, "step_time_s")
		delete(m, "tokens_per_second")
		out = append(out, m)
	}
	return out
}

// TestTheConfigSaysWhatIsSaved: master weights are float32, and so says config.json.
func TestTheConfigSaysWhatIsSaved(t *testing.T) {
	b := newBench(t, nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.MaxSteps = 1
	if _, err := b.run(t, o, nil); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{o.OutputDir, filepath.Join(o.OutputDir, "checkpoint-1")} {
		var config struct{ DType string }
		if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "config.json")))(t), &config); err != nil || config.DType != "float32" {
			t.Errorf("%s: dtype %q (%v)", dir, config.DType, err)
		}
	}
	record := must(trainer.ReadRecord(o.OutputDir))(t)
	if record.Rows != 14 || record.Steps != 1 || len(record.Fingerprint) != 5 || record.View != "20261123T180351Z-0001" {
		t.Errorf("the record is %+v", record)
	}
}
