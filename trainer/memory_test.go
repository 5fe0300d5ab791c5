package trainer_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/trainer"
)

// What is kept, computed again or resumed otherwise changes no bit of a run, full or of an adapter.
func TestMemoryChangesNoBit(t *testing.T) {
	for _, b := range []bench{newBench(t, nil), newBenchOf(t, "lora", tol.Golden(t, "trajectories/lora_init"), nil)} {
		train := func(change func(*trainer.Options)) ([]byte, trainer.Memory, string) {
			o := b.golden.options(filepath.Join(t.TempDir(), "run"))
			o.MicroBatchTokens = 200
			change(&o)
			in := b.inputs(t)
			var console bytes.Buffer
			in.Console = &console
			s, err := trainer.Run(t.Context(), o, in)
			if err != nil {
				t.Fatal(err)
			}
			if s.Memory == nil {
				t.Fatal("the summary has no memory")
			}
			name := "model.safetensors"
			if b.adapter != "" {
				name = "adapter_model.safetensors"
			}
			return must(os.ReadFile(filepath.Join(o.OutputDir, name)))(t), *s.Memory, console.String()
		}
		want, all, said := train(func(*trainer.Options) {})
		if all.Recomputed+all.Partly != 0 || !strings.Contains(said, "memory: ") || !strings.Contains(said, "nothing is computed again") {
			t.Errorf("without a budget: %+v, %s", all, said)
		}
		got, least, said := train(func(o *trainer.Options) { o.GradientCheckpointing = true })
		if !bytes.Equal(got, want) || least.Recomputed != least.Layers-1 || least.Bytes >= all.Bytes || !strings.Contains(said, "are computed again") {
			t.Errorf("gradient_checkpointing: the same bits: %v; %+v, %s", bytes.Equal(got, want), least, said)
		}
		got, tight, _ := train(func(o *trainer.Options) { o.MemoryBudget = strconv.FormatInt(all.Bytes-1, 10) })
		if !bytes.Equal(got, want) || tight.Recomputed+tight.Partly == 0 || tight.Bytes >= all.Bytes {
			t.Errorf("memory_budget: the same bits: %v; %+v", bytes.Equal(got, want), tight)
		}
	}
}

// A pair that has no room is refused by name with what it takes, before the first step, and the run goes on with as much.
func TestMemoryRefused(t *testing.T) {
	b := newBench(t, nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.MemoryBudget, o.MicroBatchTokens = "1MB", 1
	_, err := b.run(t, o, nil)
	if !errors.Is(err, trainer.ErrMemory) || !strings.Contains(err.Error(), "pairs.jsonl") || !strings.Contains(err.Error(), "it is 1MB") {
		t.Fatalf("got %v", err)
	}
	_, rest, _ := strings.Cut(err.Error(), "takes at least ")
	o.MemoryBudget, _, _ = strings.Cut(rest, ",")
	if _, err := b.run(t, o, nil); err != nil {
		t.Errorf("with %s: %v", o.MemoryBudget, err)
	}
}

// A run may go on with another budget.
func TestMemoryMayChange(t *testing.T) {
	b := newBench(t, nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.SaveSteps = 4
	if _, err := b.run(t, o, nil); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(o.OutputDir, "model.safetensors")
	want := must(os.ReadFile(name))(t)
	for _, dir := range []string{"checkpoint-8", "checkpoint-10"} {
		if err := os.RemoveAll(filepath.Join(o.OutputDir, dir)); err != nil {
			t.Fatal(err)
		}
	}
	o.Resume, o.GradientCheckpointing, o.MemoryBudget = true, true, "1GB"
	s, err := b.run(t, o, nil)
	if err != nil || s.Resumed != 4 {
		t.Fatalf("resumed after %d steps: %v", s.Resumed, err)
	}
	if !bytes.Equal(want, must(os.ReadFile(name))(t)) {
		t.Error("the run ends in other bytes")
	}
}
