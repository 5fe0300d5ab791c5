package trainer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/trainer"
)

// A run with moments in 8 bits goes on from a checkpoint to the same bytes, and only the head of this model has moments in codes: the
// embedding keeps 32 bits, other tensors are too small.
func TestResumeInEightBits(t *testing.T) {
	b := newBench(t, nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.Optim, o.MaxSteps, o.SaveSteps = trainer.OptimAdamW8, 4, 2
	if _, err := b.run(t, o, nil); err != nil {
		t.Fatal(err)
	}
	read := func(path ...string) []byte {
		t.Helper()
		return must(os.ReadFile(filepath.Join(append([]string{o.OutputDir}, path...)...)))(t)
	}
	weights, moments := read("model.safetensors"), read("checkpoint-4", "optimizer.safetensors")
	f := must(checkpoint.OpenFile(filepath.Join(o.OutputDir, "checkpoint-4", "optimizer.safetensors")))(t)
	for _, x := range f.Tensors() {
		if codes := x.Name == "lm_head.weight.state1" || x.Name == "lm_head.weight.state2"; codes != (x.DType == "U8") {
			t.Errorf("%s is %s", x.Name, x.DType)
		}
	}
	f.Close()
	if err := os.RemoveAll(filepath.Join(o.OutputDir, "checkpoint-4")); err != nil {
		t.Fatal(err)
	}
	o.Resume = true
	if s, err := b.run(t, o, nil); err != nil || s.Resumed != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	if !bytes.Equal(weights, read("model.safetensors")) || !bytes.Equal(moments, read("checkpoint-4", "optimizer.safetensors")) {
		t.Error("the run that was resumed ended otherwise")
	}
	o.Optim = trainer.OptimAdamW
	if _, err := b.run(t, o, nil); err == nil {
		t.Error("a run in 8 bits was resumed in 32")
	}
}
