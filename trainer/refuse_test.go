package trainer_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/trainer"
)

// refused wants an error of a kind with words in it, and no model in the run directory.
func refused(t *testing.T, dir string, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
	for _, want := range words {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %q in it", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); err == nil {
		t.Error("a model was written all the same")
	}
}

// TestACacheOffByOneUlp is refused in the first step; the next attempt, on a mended cache, may use the same directory.
func TestACacheOffByOneUlp(t *testing.T) {
	var id schemas.PairID
	b := newBench(t, func(i int, p *schemas.CachedPair) {
		if i == 2 {
			id, p.RefRejectedLogps = p.ID, math.Nextafter(p.RefRejectedLogps, 0)
		}
	})
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	_, err := b.run(t, o, nil)
	refused(t, o.OutputDir, err, trainer.ErrIdentity, id, "pairs.jsonl at 2", "steelyard verify")

	if _, err := newBench(t, nil).run(t, o, nil); err != nil {
		t.Errorf("on a good cache, in the same directory: %v", err)
	}
}

// TestAnotherModel is refused by the fingerprint, unless it is said that the policy differs.
func TestAnotherModel(t *testing.T) {
	b := newBench(t, nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.MaxSteps = 1
	moved := b
	moved.model = anotherModel(t, b)
	_, err := moved.run(t, o, nil)
	refused(t, o.OutputDir, err, trainer.ErrMismatch, "weights: the cache has sha256:", b.model, moved.model, "policy_differs")
	if strings.Contains(err.Error(), "architecture:") {
		t.Errorf("the architecture is the same: %v", err)
	}

	o.PolicyDiffers = true
	var console bytes.Buffer
	s, err := moved.run(t, o, &console)
	if err != nil {
		t.Fatal(err)
	}
	if s.SampleDifference == 0 || !strings.Contains(console.String(), "cache and policy differ in weights, which policy_differs allows") {
		t.Errorf("differs by %v; the console has %q", s.SampleDifference, console.String())
	}
	record := must(trainer.ReadRecord(o.OutputDir))(t)
	if len(record.Mismatches) != 1 || record.Mismatches[0].Item != schemas.ItemWeights || record.SampleDifference != s.SampleDifference {
		t.Errorf("the record is %+v", record)
	}
}

// anotherModel is the bench's model with one weight changed.
func anotherModel(t *testing.T, b bench) string {
	t.Helper()
	from, policy := b.open(t)
	var named []checkpoint.Named
	for i, p := range policy.Params() {
		if i == 0 {
			p.Data[len(p.Data)-1] += 0.5
		}
		named = append(named, checkpoint.Named{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	dir := t.TempDir()
	if err := checkpoint.Save(dir, from, named); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestATakenDirectory is refused without resume, and with it goes on only under the options it began with. A cache that has grown since
// changes nothing: the run keeps to its snapshot.
func TestATakenDirectory(t *testing.T) {
	b := newBench(t, nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	if _, err := b.run(t, o, nil); err != nil {
		t.Fatal(err)
	}
	want := must(os.ReadFile(filepath.Join(o.OutputDir, "model.safetensors")))(t)
	if err := os.Remove(filepath.Join(o.OutputDir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	_, err := b.run(t, o, nil)
	refused(t, o.OutputDir, err, trainer.ErrOutput, "set resume")

	changed := o
	changed.Resume, changed.Beta, changed.MicroBatchTokens = true, 0.3, 100
	_, err = b.run(t, changed, nil)
	refused(t, o.OutputDir, err, trainer.ErrResume, "beta: the run began with 0.2 and would go on with 0.3", "micro_batch_tokens", "run.json")

	moved := b
	moved.model = anotherModel(t, b)
	o.Resume = true
	if _, err = moved.run(t, o, nil); !errors.Is(err, trainer.ErrMismatch) {
		t.Errorf("another policy goes on with the run: %v", err)
	}

	o.Resume, o.SaveTotalLimit = true, 1
	s, err := b.run(t, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Resumed != 10 || !bytes.Equal(want, must(os.ReadFile(filepath.Join(o.OutputDir, "model.safetensors")))(t)) {
		t.Errorf("the run went on from step %d, or to another model", s.Resumed)
	}
}

// TestDedupe trains on a repeated pair once.
func TestDedupe(t *testing.T) {
	b := newBench(t, nil)
	b.golden.Pairs = append(b.golden.Pairs, b.golden.Pairs[:3]...)
	b.store = must(storage.Local(filepath.Join(t.TempDir(), "cache")))(t)
	b.commit(t, "20261123T180351Z-0002", nil)
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.MaxSteps = 2
	for _, test := range []struct {
		dedupe bool
		rows   int
	}{{false, 17}, {true, 14}} {
		o.OutputDir, o.Dedupe = filepath.Join(t.TempDir(), "run"), test.dedupe
		s, err := b.run(t, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Rows != test.rows {
			t.Errorf("dedupe %v: %d rows, want %d", test.dedupe, s.Rows, test.rows)
		}
	}
}
