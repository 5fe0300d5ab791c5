package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/model"
)

// startTable is the policy that the runs of this file begin with.
func startTable() *tablePolicy { return newTable(3, 7, 0.5, -1, 0.25, 2, 0, 1, -0.5, 1) }

// finish trains over 7 pairs, in o.OutputDir, to the end or an error.
func finish(t *testing.T, o Options, policy model.Trainable) (*run, string, error) {
	t.Helper()
	r, console := testRun(t, o, policy, cached(t, startTable(), randomPairs(7, 3, 7)...))
	began, err := ReadRecord(r.o.OutputDir)
	_, err = r.train(t.Context(), began, err == nil)
	return r, console.String(), err
}

// weightsOf returns the bytes of the final model's weights.
func weightsOf(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// logOf reads metrics.jsonl, without its times.
func logOf(t *testing.T, dir string) []Metrics {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, metricsName))
	if err != nil {
		t.Fatal(err)
	}
	var out []Metrics
	for line := range bytes.Lines(text) {
		var m Metrics
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		m.StepTime, m.TokensPerSecond = 0, 0
		out = append(out, m)
	}
	return out
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestRunDirectory(t *testing.T) {
	o := smallOptions()
	o.SaveTotalLimit = 2
	r, console, err := finish(t, o, startTable())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"checkpoint-8", "checkpoint-9", "config.json", "metrics.jsonl", "model.safetensors", "run.json"}
	if diff := cmp.Diff(want, namesIn(t, r.o.OutputDir)); diff != "" {
		t.Errorf("run directory (-want +got):\n%s", diff)
	}
	want = []string{"config.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json"}
	if diff := cmp.Diff(want, namesIn(t, filepath.Join(r.o.OutputDir, "checkpoint-8"))); diff != "" {
		t.Errorf("checkpoint (-want +got):\n%s", diff)
	}
	log := logOf(t, r.o.OutputDir)
	if len(log) != 9 || log[0].GlobalStep != 1 || log[8].GlobalStep != 9 {
		t.Errorf("the log is %+v", log)
	}
	if log[0].Loss != math.Ln2 || log[0].RewardsMargins != 0 || log[0].LearningRate != 0 || log[1].LearningRate != 0.05 {
		t.Errorf("the first steps are %+v", log[:2])
	}
	if log[8].Loss >= math.Ln2 {
		t.Errorf("the loss is %v after the last step", log[8].Loss)
	}
	if lines := strings.Split(strings.TrimSpace(console), "\n"); len(lines) != 4 || !strings.HasSuffix(lines[0], ": 7 pairs, 9 steps") || !strings.HasPrefix(lines[1], "step 3/9  epoch 1.50  loss ") {
		t.Errorf("the console has %q", lines)
	}
	var s state
	if err := readJSON(filepath.Join(r.o.OutputDir, "checkpoint-9", stateName), &s); err != nil {
		t.Fatal(err)
	}
	// 7 pairs are 4 groups, 2 steps an epoch: step 9 was the first of epoch 4.
	if s.GlobalStep != 9 || s.Epoch != 4.5 || s.Position.Epoch != 4 || s.Position.Pair != 4 || s.NumTokens != log[8].NumTokens || s.Record.Snapshot != "digest" {
		t.Errorf("the state is %+v", s)
	}
}

// stopAfter cancels its run in the middle of a step.
type stopAfter struct {
	*tablePolicy
	forwards int
}

var errKilled = errors.New("killed")

func (p *stopAfter) Forward(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	if p.forwards--; p.forwards < 0 {
		return model.Scores{}, errKilled
	}
	return p.tablePolicy.Forward(ctx, b, want)
}

// TestResume: wherever a run stops, going on gives the bytes and the log of one that never stopped.
func TestResume(t *testing.T) {
	for _, strategy := range []string{SaveBySteps, SaveByEpoch, SaveNothing} {
		o := smallOptions()
		o.SaveStrategy, o.MicroBatchTokens = strategy, 16
		whole, _, err := finish(t, o, startTable())
		if err != nil {
			t.Fatal(err)
		}
		want, wantLog := weightsOf(t, whole.o.OutputDir), logOf(t, whole.o.OutputDir)
		for forwards := 0; ; forwards += 7 {
			o.OutputDir, o.Resume = t.TempDir(), true
			_, _, err := finish(t, o, &stopAfter{startTable(), forwards})
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if err == nil {
				break
			}
			// What a killed process may leave: a torn line, half a checkpoint.
			leave(t, filepath.Join(o.OutputDir, metricsName), "{\"global_st")
			leave(t, filepath.Join(o.OutputDir, stagingName, "checkpoint-4", "model.safetensors"), "half")
			if _, _, err := finish(t, o, startTable()); err != nil {
				t.Fatalf("%s, stopped at forward %d: %v", strategy, forwards, err)
			}
			if !bytes.Equal(weightsOf(t, o.OutputDir), want) {
				t.Errorf("%s, stopped at forward %d: the final weights differ", strategy, forwards)
			}
			if diff := cmp.Diff(wantLog, logOf(t, o.OutputDir)); diff != "" {
				t.Errorf("%s, stopped at forward %d: the log differs (-want +got):\n%s", strategy, forwards, diff)
			}
			if slices.Contains(namesIn(t, o.OutputDir), stagingName) {
				t.Errorf("%s: what was left half done is still there", strategy)
			}
		}
	}
}

// cancelling stops the run from within a forward pass.
type cancelling struct {
	*tablePolicy
	cancel   func()
	forwards int
}

func (p *cancelling) Forward(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	if p.forwards--; p.forwards < 0 {
		p.cancel()
		return model.Scores{}, ctx.Err()
	}
	return p.tablePolicy.Forward(ctx, b, want)
}

// A run that is interrupted in the middle of a step says where it stands and how it goes on.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	policy := &cancelling{startTable(), cancel, 2}
	o := smallOptions()
	o.OutputDir = t.TempDir()
	r, _ := testRun(t, o, policy, cached(t, startTable(), randomPairs(7, 3, 7)...))
	var status []string
	r.status = func(line string) { status = append(status, line) }
	_, err := r.train(ctx, Record{}, false)
	if len(status) != 2 || !strings.HasPrefix(status[1], "rows 7 of ") || !strings.HasSuffix(status[1], " left") {
		t.Errorf("the status was %q", status)
	}
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stopped after step 2 of ") {
		t.Errorf("got %v", err)
	}
}

func leave(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedCheckpoint: the newest checkpoint that is whole counts, to the same end.
func TestDamagedCheckpoint(t *testing.T) {
	cutShort := func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()-3)
	}
	for _, test := range []struct {
		name   string
		damage func(dir string) error
	}{
		{"weights cut short", func(dir string) error { return cutShort(filepath.Join(dir, "model.safetensors")) }},
		{"moments cut short", func(dir string) error { return cutShort(filepath.Join(dir, momentsName)) }},
		{"no state", func(dir string) error { return os.Remove(filepath.Join(dir, stateName)) }},
		{"another step's state", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, stateName), []byte(`{"global_step": 3}`), 0o644)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := smallOptions()
			whole, _, err := finish(t, o, startTable())
			if err != nil {
				t.Fatal(err)
			}
			o.OutputDir, o.Resume = whole.o.OutputDir, true
			want := weightsOf(t, o.OutputDir)
			for _, name := range []string{"checkpoint-9", "checkpoint-8"} {
				if err := test.damage(filepath.Join(o.OutputDir, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Remove(filepath.Join(o.OutputDir, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
			_, console, err := finish(t, o, startTable())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(console, "checkpoint-9 is damaged and passed over") || !strings.Contains(console, "resuming after step 6 of 9") {
				t.Errorf("the console has %q", console)
			}
			if !bytes.Equal(weightsOf(t, o.OutputDir), want) {
				t.Error("the final weights differ")
			}
		})
	}
}

// TestResumeOfAnotherPolicy is refused, item by item.
func TestResumeOfAnotherPolicy(t *testing.T) {
	r, _, err := finish(t, smallOptions(), startTable())
	if err != nil {
		t.Fatal(err)
	}
	began := r.record
	began.Fingerprint = fingerprint("fma16/2", "w", "a", "none", "none")
	r.record.Fingerprint = fingerprint("generic/1", "v", "a", "none", "none")
	_, err = r.goOn(began)
	for _, want := range []string{"weights: the run began with w", "numerics: the run began with fma16/2, this policy has generic/1"} {
		if !errors.Is(err, ErrResume) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// TestDivergence: NaN stops the run at once, and what was saved stays good.
func TestDivergence(t *testing.T) {
	o := smallOptions()
	for _, test := range []struct {
		name string
		want []string
		now  func(r *run, p *tablePolicy)
	}{
		{"a log-probability", []string{"step 3, pair ", "log-probabilities are NaN", "learning_rate"}, func(_ *run, p *tablePolicy) {
			p.table.Data[0] = float32(math.NaN())
		}},
		{"a reference", []string{"step 3: ", "the gradient of table is not finite", "its pairs are ", "data.jsonl at "}, func(r *run, _ *tablePolicy) {
			for i := range r.rows.(pairRows) {
				r.rows.(pairRows)[i].RefChosenLogps = math.NaN()
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o.OutputDir, o.Resume = t.TempDir(), true
			policy := startTable()
			r, _ := testRun(t, o, policy, cached(t, policy, randomPairs(7, 3, 7)...))
			if err := os.MkdirAll(o.OutputDir, 0o755); err != nil {
				t.Fatal(err)
			}
			whole := *r
			whole.plan.total = 2
			if _, err := whole.train(t.Context(), Record{}, false); err != nil {
				t.Fatal(err)
			}
			before := weightsOf(t, filepath.Join(o.OutputDir, "checkpoint-2"))
			r.adamw, r.tokens = whole.adamw, whole.tokens
			test.now(r, policy)
			_, err := r.step(t.Context(), 2)
			for _, want := range test.want {
				if !errors.Is(err, ErrNonFinite) || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q in it", err, want)
				}
			}
			if !bytes.Equal(before, weightsOf(t, filepath.Join(o.OutputDir, "checkpoint-2"))) || slices.Contains(namesIn(t, o.OutputDir), "checkpoint-3") {
				t.Error("a checkpoint was written")
			}
		})
	}
}

func TestCheckFree(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"a run", "run.json", "set resume to go on with it"},
		{"a model", "config.json", "holds a model (config.json)"},
		{"weights", "model-00001-of-00002.safetensors", "holds a model"},
		{"checkpoints", "checkpoint-500", "holds a model (checkpoint-500)"},
		{"an index left by a refusal", indexName, ""},
		{"something else", "notes.txt", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			leave(t, filepath.Join(dir, test.file), "")
			err := checkFree(dir)
			if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, ErrOutput) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
	if err := checkFree(filepath.Join(t.TempDir(), "new")); err != nil {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestNothingToTrainOn(t *testing.T) {
	r := &run{o: smallOptions(), rows: pairRows{}}
	r.view.Name = "20261123T180351Z-3f9a"
	if err := r.arrange(); err == nil || !strings.Contains(err.Error(), "view 20261123T180351Z-3f9a of the cache has no pairs") {
		t.Errorf("got %v", err)
	}
}
