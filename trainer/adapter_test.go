package trainer_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/trainer"
)

// freshAdapter writes an adapter that changes nothing yet, with the head trained whole.
func freshAdapter(t *testing.T, model string, rank int) string {
	t.Helper()
	d := must(checkpoint.Open(model))(t)
	defer d.Close()
	c := adapter.DefaultConfig()
	c.R, c.ModulesToSave = rank, []string{"lm_head"}
	a := must(adapter.New(c, d, must(d.Config())(t), 7))(t)
	var tensors []checkpoint.Named
	for _, m := range a.Modules {
		tensors = append(tensors, named(m.A), named(m.B))
	}
	for _, s := range a.Saved {
		tensors = append(tensors, named(s.Tensor))
	}
	dir := t.TempDir()
	if err := adapter.Save(dir, a.Config, d, tensors); err != nil {
		t.Fatal(err)
	}
	return dir
}

func named(x checkpoint.Tensor) checkpoint.Named {
	return checkpoint.Named{Name: x.Name, Shape: x.Shape, Data: widen(x)}
}

// TestAnAdapterResumes: a run that is stopped and goes on ends in the bytes of one that is left alone, and its first step is the
// reference to the last bit, modules trained whole included.
func TestAnAdapterResumes(t *testing.T) {
	model := tol.Golden(t, "models/llama")
	b := newBenchOf(t, "lora", freshAdapter(t, model, 3), nil)
	options := func(dir string) trainer.Options {
		o := b.golden.options(dir)
		o.SaveSteps = 2
		return o
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if _, err := b.run(t, options(whole), nil); err != nil {
		t.Fatal(err)
	}
	log := readLog(t, whole)
	if log[0]["loss"] != math.Ln2 || log[0]["rewards/margins"] != 0 || log[0]["rewards/chosen"] != 0 || log[5]["rewards/margins"] == 0 {
		t.Errorf("the log begins with %v and has %v", log[0], log[5])
	}
	for stop := 1; stop < 10; stop += 3 {
		dir := filepath.Join(t.TempDir(), "stopped")
		ctx, cancel := context.WithCancel(t.Context())
		in, steps := b.inputs(t), 0
		in.Status = func(string) {
			if steps++; steps == stop {
				cancel()
			}
		}
		if _, err := trainer.Run(ctx, options(dir), in); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after step %d: %v", stop, err)
		}
		o := options(dir)
		o.Resume = true
		if s, err := b.run(t, o, nil); err != nil || s.Resumed != stop/2*2 {
			t.Fatalf("stopped after step %d: resumed %d steps, %v", stop, s.Resumed, err)
		}
		for _, file := range []string{"adapter_model.safetensors", "adapter_config.json", "checkpoint-10/adapter_model.safetensors", "checkpoint-10/optimizer.safetensors"} {
			want, got := must(os.ReadFile(filepath.Join(whole, file)))(t), must(os.ReadFile(filepath.Join(dir, file)))(t)
			if !bytes.Equal(want, got) {
				t.Errorf("stopped after step %d: %s differs", stop, file)
			}
		}
		if diff := cmp.Diff(log, readLog(t, dir)); diff != "" {
			t.Errorf("stopped after step %d: the log differs:\n%s", stop, diff)
		}
	}

	record := must(trainer.ReadRecord(whole))(t)
	if c := record.Trained.Adapter; c == nil || c.R != 3 || c.Base != model || !slices.Equal(c.TargetModules.Ends, []string{"q_proj", "v_proj"}) ||
		record.Trained.Tensors != 9 || record.Fingerprint.Item("adapter").Digest != "none" {
		t.Errorf("the record is %+v", record)
	}
	// Nobody goes on with another adapter, or with none.
	for _, other := range []string{"", freshAdapter(t, model, 4)} {
		b.adapter = other
		o := options(whole)
		o.Resume = true
		if _, err := b.run(t, o, nil); !errors.Is(err, trainer.ErrResume) || !strings.Contains(err.Error(), "adapter: the run began with") {
			t.Errorf("resumed with the adapter %q: %v", other, err)
		}
	}
}

// TestATrainedAdapterIsAnotherReference: a cache of the model alone doesn't serve an adapter that changes it.
func TestATrainedAdapterIsAnotherReference(t *testing.T) {
	b := newBenchOf(t, "lora", tol.Golden(t, "trajectories/lora_final"), nil)
	_, err := b.run(t, b.golden.options(filepath.Join(t.TempDir(), "run")), nil)
	if !errors.Is(err, trainer.ErrMismatch) || !strings.Contains(err.Error(), "adapter: the cache has none, the policy sha256:") {
		t.Errorf("got error %v", err)
	}
}
